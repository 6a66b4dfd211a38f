-- Schools: a second table of sets, for figures by UAI. `uai` is the number its first seven digits write; the check
-- letter follows from it.

-- The hot set: one row for each distinct event in a school's cell. All columns are in the key: sent again, a row falls
-- onto itself.
CREATE TABLE IF NOT EXISTS ent.school_events
(
    hour DateTime('UTC'),
    uai UInt32,
    service LowCardinality(String),
    profil LowCardinality(String),
    projet LowCardinality(String),
    exploitant LowCardinality(String),
    plateforme LowCardinality(String),
    -- which ten seconds of the hour, 0 to 359
    step UInt16,
    -- 64-bit ids, as in ent.cells
    event UInt64,
    visit UInt64,
    visitor UInt64
)
ENGINE = ReplacingMergeTree
PARTITION BY toDate(hour)
ORDER BY (hour, uai, service, profil, projet, exploitant, plateforme, step, event, visit, visitor);

-- Sealed hours of schools: integers.
CREATE TABLE IF NOT EXISTS ent.school_hours
(
    hour DateTime('UTC'),
    uai UInt32,
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
    uai UInt32,
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
    uai UInt32,
    key LowCardinality(String),
    hits UInt64,
    visitors AggregateFunction(uniqCombined64(17), UInt64)
)
ENGINE = ReplacingMergeTree(hits)
PARTITION BY day
ORDER BY (kind, uai, key);
