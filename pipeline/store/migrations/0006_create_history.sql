-- What is kept for 25 months: integers, one row for each value of each kind (as ent.keys_minute), by hour and by day.
-- Absolute values: of two rows the one with the most hits holds the most events, so sealing again never shrinks one.

CREATE TABLE IF NOT EXISTS ent.counts_hour
(
    kind LowCardinality(String),
    start DateTime('UTC'),
    key LowCardinality(String),
    hits UInt64,
    visits UInt64,
    visitors UInt64
)
ENGINE = ReplacingMergeTree(hits)
PARTITION BY toDate(start)
ORDER BY (kind, start, key);

CREATE TABLE IF NOT EXISTS ent.counts_day
(
    kind LowCardinality(String),
    day Date,
    key LowCardinality(String),
    hits UInt64,
    visits UInt64,
    visitors UInt64
)
ENGINE = ReplacingMergeTree(hits)
PARTITION BY day
ORDER BY (kind, day, key);

-- Days that were loaded from files by `replay --history`; one row for each, the newest wins.
CREATE TABLE IF NOT EXISTS ent.history
(
    day Date,
    -- sha256 of what was counted for the day: the same files give the same digest
    digest String,
    events UInt64,
    loaded_at DateTime('UTC') DEFAULT now('UTC')
)
ENGINE = ReplacingMergeTree(loaded_at)
ORDER BY day;
