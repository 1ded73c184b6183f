-- What is told of single rounds: their own figures, their smoothed mean and the control chart of their mean, as known at
-- the close. Changes are to the window before, with 95 % intervals.
ALTER TABLE indicators
    ADD COLUMN IF NOT EXISTS `coverage_change` Nullable(Float64) AFTER `coverage`,
    ADD COLUMN IF NOT EXISTS `share_change` Nullable(Float64) AFTER `change_high`,
    ADD COLUMN IF NOT EXISTS `share_change_low` Nullable(Float64) AFTER `share_change`,
    ADD COLUMN IF NOT EXISTS `share_change_high` Nullable(Float64) AFTER `share_change_low`,
    ADD COLUMN IF NOT EXISTS `round_responses` Nullable(UInt32) AFTER `share_change_high`,
    ADD COLUMN IF NOT EXISTS `round_mean` Nullable(Float64) AFTER `round_responses`,
    ADD COLUMN IF NOT EXISTS `round_at_risk_low` Nullable(UInt32) AFTER `round_mean`,
    ADD COLUMN IF NOT EXISTS `round_at_risk_high` Nullable(UInt32) AFTER `round_at_risk_low`,
    ADD COLUMN IF NOT EXISTS `smoothed` Nullable(Float64) AFTER `round_at_risk_high`,
    ADD COLUMN IF NOT EXISTS `centre` Nullable(Float64) AFTER `smoothed`,
    ADD COLUMN IF NOT EXISTS `limit_low` Nullable(Float64) AFTER `centre`,
    ADD COLUMN IF NOT EXISTS `limit_high` Nullable(Float64) AFTER `limit_low`,
    ADD COLUMN IF NOT EXISTS `limit_points` Nullable(UInt32) AFTER `limit_high`,
    ADD COLUMN IF NOT EXISTS `rebased_on` Nullable(Date) AFTER `limit_points`,
    ADD COLUMN IF NOT EXISTS `signal` LowCardinality(String) AFTER `rebased_on`,
    ADD COLUMN IF NOT EXISTS `signal_rules` Array(LowCardinality(String)) AFTER `signal`;
