-- Numbered migrations are never edited; a change is a new file.

CREATE TABLE IF NOT EXISTS cohorts
(
    `cohort_id` String,
    `facility` LowCardinality(String),
    `node` String,
    `path` Array(String),
    `round` LowCardinality(String),
    `form` LowCardinality(String),
    `scale` LowCardinality(String),
    `n` UInt32,
    `score_low` Int64,
    `score_high` Int64,
    `at_risk_low` Nullable(UInt32),
    `at_risk_high` Nullable(UInt32),
    `policy_hash` String,
    `row_hash` String
)
ENGINE = ReplacingMergeTree
ORDER BY (facility, round, form, scale, cohort_id, row_hash)
COMMENT 'coded totals of sealed cohorts; the only rows that hold answers';

CREATE TABLE IF NOT EXISTS indicators
(
    `facility` LowCardinality(String),
    `node` String,
    `path` Array(String),
    `round` LowCardinality(String),
    `form` LowCardinality(String),
    `scale` LowCardinality(String),
    `window` UInt8,
    `rounds_published` UInt8,
    `rounds_fielded` UInt8,
    `state` LowCardinality(String),
    `responses` Nullable(UInt32),
    `mean` Nullable(Float64),
    `mean_low` Nullable(Float64),
    `mean_high` Nullable(Float64),
    `at_risk_low` Nullable(UInt32),
    `at_risk_high` Nullable(UInt32),
    `at_risk_share` Nullable(Float64),
    `at_risk_share_low` Nullable(Float64),
    `at_risk_share_high` Nullable(Float64),
    `coverage` Nullable(Float64),
    `change` Nullable(Float64),
    `change_low` Nullable(Float64),
    `change_high` Nullable(Float64),
    `row_hash` String
)
ENGINE = ReplacingMergeTree
ORDER BY (facility, form, scale, node, round, window, row_hash)
COMMENT 'figures of a node over its window, as known at the close of round; null unless published';

CREATE TABLE IF NOT EXISTS rounds
(
    `facility` LowCardinality(String),
    `round` LowCardinality(String),
    `form` LowCardinality(String),
    `first_answer_date` Date,
    `last_answer_date` Date,
    `policy_hash` String,
    `k` UInt32,
    `coalition` UInt32,
    `outside` UInt32,
    `identity` LowCardinality(String),
    `row_hash` String
)
ENGINE = ReplacingMergeTree
ORDER BY (facility, round, form, row_hash)
COMMENT 'sealed rounds, one row per form';

CREATE TABLE IF NOT EXISTS nodes
(
    `facility` LowCardinality(String),
    `node` String,
    `path` Array(String),
    `round` LowCardinality(String),
    `form` LowCardinality(String),
    `name` String,
    `kind` LowCardinality(String),
    `state` LowCardinality(String),
    `headcount` Nullable(UInt32),
    `row_hash` String
)
ENGINE = ReplacingMergeTree
ORDER BY (facility, round, form, node, row_hash)
COMMENT 'what may be known of a node in a round; headcount is null below the cohort size';
