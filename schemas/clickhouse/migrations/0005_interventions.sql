-- What leadership did about a place, from a catalogue. Nothing in it is about a person.
CREATE TABLE IF NOT EXISTS interventions
(
    `facility` LowCardinality(String),
    `node` String,
    `path` Array(String),
    `on` Date,
    `kind` LowCardinality(String),
    `label` LowCardinality(String),
    `rebase` Bool,
    `taken_back` Bool,
    `version` UInt32,
    `row_hash` String
)
ENGINE = ReplacingMergeTree
ORDER BY (facility, node, on, kind, label, version, row_hash)
COMMENT 'of one facility, node, day, kind and label the row with the highest version holds, and none if that is taken back';
