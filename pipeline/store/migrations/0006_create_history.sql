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
PARTITION BY day
ORDER BY day;

-- A day is a tier like the ten minutes and the hour: sealed from what is below it, and marked.
ALTER TABLE ent.marks
    MODIFY COLUMN tier Enum8('minute' = 1, 'ten' = 2, 'hour' = 3, 'day' = 4) DEFAULT 'minute';

-- Where days that come from files are counted and sealed, out of sight, before they take their place in `ent`.
CREATE DATABASE IF NOT EXISTS ent_staging ENGINE = Atomic;

CREATE TABLE IF NOT EXISTS ent_staging.cells AS ent.cells;

CREATE TABLE IF NOT EXISTS ent_staging.marks AS ent.marks;

CREATE TABLE IF NOT EXISTS ent_staging.keys_minute AS ent.keys_minute;

CREATE TABLE IF NOT EXISTS ent_staging.keys_ten AS ent.keys_ten;

CREATE TABLE IF NOT EXISTS ent_staging.keys_hour AS ent.keys_hour;

CREATE TABLE IF NOT EXISTS ent_staging.minutes AS ent.minutes;

CREATE TABLE IF NOT EXISTS ent_staging.closed AS ent.closed;

CREATE TABLE IF NOT EXISTS ent_staging.counts_hour AS ent.counts_hour;

CREATE TABLE IF NOT EXISTS ent_staging.counts_day AS ent.counts_day;
