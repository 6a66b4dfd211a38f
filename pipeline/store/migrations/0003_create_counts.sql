-- What is counted. Every measure is a union of sets or an absolute value that only grows, never an increment, so
-- that a replay of any part, in any order, changes nothing. Why it is so: adr-sealed-tiers.md.

-- The hot sets: ids themselves, for two to three days. A replayed id falls into the set it is already in.
CREATE TABLE IF NOT EXISTS ent.cells
(
    -- start of ten seconds of event time
    bucket DateTime('UTC'),
    -- code of ent.territories (01, 2A, 971, 975…)
    departement LowCardinality(String),
    service LowCardinality(String),
    profil LowCardinality(String),
    projet LowCardinality(String),
    exploitant LowCardinality(String),
    plateforme LowCardinality(String),
    -- 64-bit ids of events, visits and visitors
    hits SimpleAggregateFunction(groupUniqArrayArray, Array(UInt64)),
    visits SimpleAggregateFunction(groupUniqArrayArray, Array(UInt64)),
    visitors SimpleAggregateFunction(groupUniqArrayArray, Array(UInt64))
)
ENGINE = AggregatingMergeTree
PARTITION BY toDate(bucket)
ORDER BY (bucket, service, departement, profil, projet, exploitant, plateforme);

-- When a minute (or the ten minutes or the hour above it) last received rows, and up to when it is sealed. Clean
-- means touched < sealed. The worker inserts the starts of minutes alone: the server's clock writes `touched`.
CREATE TABLE IF NOT EXISTS ent.marks
(
    tier Enum8('minute' = 1, 'ten' = 2, 'hour' = 3) DEFAULT 'minute',
    start DateTime('UTC'),
    touched SimpleAggregateFunction(max, DateTime64(6, 'UTC')) DEFAULT now64(6, 'UTC'),
    sealed SimpleAggregateFunction(max, DateTime64(6, 'UTC')) DEFAULT toDateTime64(0, 6, 'UTC')
)
ENGINE = AggregatingMergeTree
PARTITION BY toDate(start)
ORDER BY (tier, start);

-- Sealed minutes: one row for each value of each kind (total, service, famille, domaine, region, academie,
-- departement, projet, plateforme, exploitant, profil). The row with the most hits wins, so that a crash, a second
-- sealer or a seal from incomplete sets can never shrink a figure.
CREATE TABLE IF NOT EXISTS ent.keys_minute
(
    kind LowCardinality(String),
    start DateTime('UTC'),
    key LowCardinality(String),
    hits UInt64,
    visits AggregateFunction(uniqCombined64(17), UInt64),
    visitors AggregateFunction(uniqCombined64(17), UInt64)
)
ENGINE = ReplacingMergeTree(hits)
PARTITION BY toDate(start)
ORDER BY (kind, start, key);

-- The same for ten minutes and for hours, made from the tier below.
CREATE TABLE IF NOT EXISTS ent.keys_ten AS ent.keys_minute;

CREATE TABLE IF NOT EXISTS ent.keys_hour AS ent.keys_minute;

-- Sealed minutes, all dimensions crossed: integers only.
CREATE TABLE IF NOT EXISTS ent.minutes
(
    minute DateTime('UTC'),
    departement LowCardinality(String),
    service LowCardinality(String),
    profil LowCardinality(String),
    projet LowCardinality(String),
    exploitant LowCardinality(String),
    plateforme LowCardinality(String),
    hits UInt64,
    visits UInt64,
    visitors UInt64
)
ENGINE = ReplacingMergeTree(hits)
PARTITION BY toDate(minute)
ORDER BY (minute, service, departement, profil, projet, exploitant, plateforme);

-- Days whose cells are gone or going. Their tiers are final: cells and marks that still come for them are ignored.
CREATE TABLE IF NOT EXISTS ent.closed
(
    day Date,
    at DateTime('UTC') DEFAULT now('UTC')
)
ENGINE = ReplacingMergeTree
ORDER BY day;

-- Where the workers are: one row for each topic and partition. Times only grow; of the rest the last word wins,
-- which is the greatest tuple, since it begins with the instant.
CREATE TABLE IF NOT EXISTS ent.progress
(
    topic LowCardinality(String),
    partition UInt32,
    newest_event_time SimpleAggregateFunction(max, DateTime64(3, 'UTC')),
    -- timestamp of the newest record in Kafka
    newest_arrival SimpleAggregateFunction(max, DateTime64(3, 'UTC')),
    -- (at, next offset to acknowledge, records not yet read)
    latest SimpleAggregateFunction(max, Tuple(at DateTime64(3, 'UTC'), position UInt64, lag_records UInt64))
)
ENGINE = AggregatingMergeTree
ORDER BY (topic, partition);
