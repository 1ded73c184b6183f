-- Rounds of two calendars, sensitive forms, and staff groups summed up under a node ('' where a row is of the node itself).
ALTER TABLE rounds
    ADD COLUMN IF NOT EXISTS `sensitive_forms` Array(String) AFTER `identity`,
    ADD COLUMN IF NOT EXISTS `sensitive` Bool AFTER `sensitive_forms`,
    ADD COLUMN IF NOT EXISTS `calendar` LowCardinality(String) DEFAULT 'short' AFTER `sensitive`,
    ADD COLUMN IF NOT EXISTS `season` String AFTER `calendar`,
    ADD COLUMN IF NOT EXISTS `season_first` Nullable(Date) AFTER `season`,
    ADD COLUMN IF NOT EXISTS `season_last` Nullable(Date) AFTER `season_first`,
    ADD COLUMN IF NOT EXISTS `long_below` Nullable(UInt32) AFTER `season_last`;

ALTER TABLE nodes
    ADD COLUMN IF NOT EXISTS `headcount_asked` Nullable(UInt32) AFTER `headcount`,
    ADD COLUMN IF NOT EXISTS `of_group` LowCardinality(String) AFTER `headcount_asked`,
    ADD COLUMN IF NOT EXISTS `staff_group` LowCardinality(String) AFTER `of_group`,
    MODIFY COMMENT 'what may be known of a node in a round; headcounts are null below the cohort size and beside sensitive forms';

ALTER TABLE indicators
    ADD COLUMN IF NOT EXISTS `calendar` LowCardinality(String) DEFAULT 'short' AFTER `scale`,
    ADD COLUMN IF NOT EXISTS `staff_group` LowCardinality(String) AFTER `calendar`,
    ADD COLUMN IF NOT EXISTS `leaves_published` Nullable(UInt32) AFTER `staff_group`,
    ADD COLUMN IF NOT EXISTS `leaves_fielded` Nullable(UInt32) AFTER `leaves_published`;
