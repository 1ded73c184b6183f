-- A cohort that is retired keeps its rows in cohorts and has one here; figures without it are later versions.
CREATE TABLE IF NOT EXISTS retired_cohorts
(
    `cohort_id` String,
    `facility` LowCardinality(String),
    `node` String,
    `path` Array(String),
    `round` LowCardinality(String),
    `form` LowCardinality(String),
    `row_hash` String
)
ENGINE = ReplacingMergeTree
ORDER BY (facility, round, form, cohort_id, row_hash)
COMMENT 'sealed cohorts that are in no figure any more; their rows stay in cohorts';

ALTER TABLE indicators
    ADD COLUMN IF NOT EXISTS `cohorts_retired` UInt32 AFTER `rounds_fielded`,
    MODIFY COMMENT 'figures of a node over its window, as known at the close of round; null unless published; of versions the one with most cohorts_retired holds';

-- with these the whole policy is here, and its hash can be recomputed
ALTER TABLE rounds
    ADD COLUMN IF NOT EXISTS `k_sensitive` UInt32 AFTER `outside`,
    ADD COLUMN IF NOT EXISTS `headcount_slack` Float64 AFTER `k_sensitive`;
