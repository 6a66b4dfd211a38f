-- Schools: a second table of sets, for figures by UAI.

-- The hot set: one row for each distinct event in a school's cell. All columns are in the key: sent again, a row falls
-- onto itself. The key begins with what is asked for; then what one visitor did stands together, so that the ids of
-- visits and visitors are written once for several events (measured: 14 bytes an event, 18 by service first).
CREATE TABLE IF NOT EXISTS ent.school_events
(
    hour DateTime('UTC'),
    uai FixedString(8),
    service LowCardinality(String) CODEC(ZSTD(1)),
    profil LowCardinality(String),
    projet LowCardinality(String),
    exploitant LowCardinality(String),
    plateforme LowCardinality(String),
    -- which ten seconds of the hour, 0 to 359
    step UInt16 CODEC(ZSTD(1)),
    -- 64-bit ids, as in ent.cells; those of events are as good as random
    event UInt64 CODEC(NONE),
    visit UInt64 CODEC(ZSTD(1)),
    visitor UInt64 CODEC(ZSTD(1))
)
ENGINE = ReplacingMergeTree
PARTITION BY toDate(hour)
PRIMARY KEY (hour, uai)
ORDER BY (hour, uai, visitor, visit, profil, service, projet, exploitant, plateforme, step, event);

-- Sealed hours of schools: integers.
CREATE TABLE IF NOT EXISTS ent.school_hours
(
    hour DateTime('UTC'),
    uai FixedString(8),
    service LowCardinality(String),
    profil LowCardinality(String),
    hits UInt64,
    visits UInt64,
    visitors UInt64
)
ENGINE = ReplacingMergeTree(hits)
PARTITION BY toDate(hour)
ORDER BY (hour, uai, service, profil);

-- Sealed days of schools: integers, by one key at a time. Kinds: total, service, famille, domaine, profil, projet,
-- exploitant, plateforme.
CREATE TABLE IF NOT EXISTS ent.school_days
(
    day Date,
    kind LowCardinality(String),
    uai FixedString(8),
    key LowCardinality(String),
    hits UInt64,
    visits UInt64,
    visitors UInt64
)
ENGINE = ReplacingMergeTree(hits)
PARTITION BY day
ORDER BY (kind, uai, key);

-- The visitors of those days as sketches, for distinct visitors over a week; kinds total, service and profil. A small
-- sketch still holds hashes: 35 days at most.
CREATE TABLE IF NOT EXISTS ent.school_visitors
(
    day Date,
    kind LowCardinality(String),
    uai FixedString(8),
    key LowCardinality(String),
    hits UInt64,
    visitors AggregateFunction(uniqCombined64(17), UInt64)
)
ENGINE = ReplacingMergeTree(hits)
PARTITION BY day
ORDER BY (kind, uai, key);

CREATE TABLE IF NOT EXISTS ent_staging.school_events AS ent.school_events;

CREATE TABLE IF NOT EXISTS ent_staging.school_hours AS ent.school_hours;

CREATE TABLE IF NOT EXISTS ent_staging.school_days AS ent.school_days;

CREATE TABLE IF NOT EXISTS ent_staging.school_visitors AS ent.school_visitors;
