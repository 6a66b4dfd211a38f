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

-- Hours of open days that have been sealed: up to when. Whether they were touched since is told by the minutes of
-- ent.marks, which cover this table too. `begun` keeps a second sealer from doing the same work at the same time;
-- no figure depends on it.
CREATE TABLE IF NOT EXISTS ent.school_marks
(
    hour DateTime('UTC'),
    begun SimpleAggregateFunction(max, DateTime64(6, 'UTC')),
    sealed SimpleAggregateFunction(max, DateTime64(6, 'UTC'))
)
ENGINE = AggregatingMergeTree
PARTITION BY toDate(hour)
ORDER BY hour;

-- Sealed hours of schools: integers, small ones (the codecs make 2 bytes a row of 7).
CREATE TABLE IF NOT EXISTS ent.school_hours
(
    hour DateTime('UTC') CODEC(ZSTD(1)),
    uai FixedString(8) CODEC(ZSTD(1)),
    service LowCardinality(String) CODEC(ZSTD(1)),
    profil LowCardinality(String) CODEC(ZSTD(1)),
    hits UInt64 CODEC(T64, ZSTD(1)),
    visits UInt64 CODEC(T64, ZSTD(1)),
    visitors UInt64 CODEC(T64, ZSTD(1))
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
    uai FixedString(8) CODEC(ZSTD(1)),
    key LowCardinality(String) CODEC(ZSTD(1)),
    hits UInt64 CODEC(T64, ZSTD(1)),
    visits UInt64 CODEC(T64, ZSTD(1)),
    visitors UInt64 CODEC(T64, ZSTD(1))
)
ENGINE = ReplacingMergeTree(hits)
PARTITION BY day
ORDER BY (day, kind, uai, key);

-- The visitors of those days as sketches, for distinct visitors over a week; kinds total, service and profil. A small
-- sketch still holds hashes: 35 days at most. Those of one school stand together, for they hold the same hashes.
CREATE TABLE IF NOT EXISTS ent.school_visitors
(
    day Date,
    kind LowCardinality(String),
    uai FixedString(8) CODEC(ZSTD(1)),
    key LowCardinality(String) CODEC(ZSTD(1)),
    hits UInt64 CODEC(T64, ZSTD(1)),
    visitors AggregateFunction(uniqCombined64(17), UInt64) CODEC(ZSTD(1))
)
ENGINE = ReplacingMergeTree(hits)
PARTITION BY day
ORDER BY (day, uai, kind, key);

CREATE TABLE IF NOT EXISTS ent_staging.school_events AS ent.school_events;

CREATE TABLE IF NOT EXISTS ent_staging.school_hours AS ent.school_hours;

CREATE TABLE IF NOT EXISTS ent_staging.school_days AS ent.school_days;

CREATE TABLE IF NOT EXISTS ent_staging.school_visitors AS ent.school_visitors;

-- Hours of a school, by service and profil. Hours that are sealed and untouched since, and all those of closed days,
-- are integers; the others are counted from the events. `dirty` is read once, so that an hour is never in both. Cells
-- under 5 visitors are not shown: at this grain they would be persons.
CREATE OR REPLACE VIEW bi.school_hour
SQL SECURITY DEFINER AS
WITH
    (
        SELECT groupArray(hour)
        FROM
        (
            SELECT hour, max(touched) AS last_touch, max(sealed) AS last_seal
            FROM
            (
                SELECT toStartOfHour(start) AS hour, touched, toDateTime64(0, 6, 'UTC') AS sealed
                FROM ent.marks
                WHERE tier = 'minute' AND toDate(start) NOT IN (SELECT day FROM ent.closed)
                UNION ALL
                SELECT hour, toDateTime64(0, 6, 'UTC'), sealed FROM ent.school_marks
            )
            GROUP BY hour
        )
        WHERE last_touch > toDateTime64(0, 6, 'UTC') AND last_touch >= last_seal
    ) AS dirty
SELECT hour, uai, service, profil, hits, visits, visitors
FROM
(
    SELECT
        hour, uai, toString(service) AS service, toString(profil) AS profil, hits, visits, visitors
    FROM ent.school_hours FINAL
    WHERE NOT has(dirty, hour)
    UNION ALL
    SELECT
        hour, uai, toString(service) AS service, toString(profil) AS profil,
        uniqExact(bitXor(event, cityHash64(step, projet, exploitant, plateforme))) AS hits,
        uniqExact(visit) AS visits, uniqExact(visitor) AS visitors
    FROM ent.school_events
    WHERE has(dirty, hour)
    GROUP BY hour, uai, service, profil
)
WHERE visitors >= 5;

-- A week of a school, as the ministry publishes it: kind total (key ''), service or profil. The seven UTC days from
-- `monday` on. Visits are those of each day, added up (a visit is cut at midnight); visitors are distinct over the
-- week, NULL once the sketches of one of its days are gone. Closed days are read from the tiers, open ones from the
-- events. Under 5 visitors (where they are no longer known: under 5 on each of its days) nothing is shown.
CREATE OR REPLACE VIEW bi.school_week
SQL SECURITY DEFINER AS
WITH (SELECT groupArray(day) FROM ent.closed WHERE day >= {monday:Date} AND day < {monday:Date} + 7) AS closed
SELECT
    uai, kind, key,
    sum(in_day) AS visits,
    if(sum(sketched) < sum(counted), NULL, uniqCombined64MergeArray(17)(sketch)) AS visitors
FROM
(
    SELECT
        uai, toString(kind) AS kind, toString(key) AS key, visits AS in_day, visitors AS seen, 1 AS counted,
        0 AS sketched, CAST([], 'Array(AggregateFunction(uniqCombined64(17), UInt64))') AS sketch
    FROM ent.school_days FINAL
    WHERE day >= {monday:Date} AND day < {monday:Date} + 7 AND has(closed, day)
      AND kind IN ('total', 'service', 'profil')
    UNION ALL
    SELECT uai, toString(kind), toString(key), 0, 0, 0, 1, [visitors]
    FROM ent.school_visitors FINAL
    WHERE day >= {monday:Date} AND day < {monday:Date} + 7 AND has(closed, day)
    UNION ALL
    SELECT
        uai,
        multiIf(grouping(service) = 0, 'service', grouping(profil) = 0, 'profil', 'total') AS kind,
        multiIf(grouping(service) = 0, service, grouping(profil) = 0, profil, '') AS key,
        uniqExact(visit), uniqExact(visitor), 1, 1, [uniqCombined64State(17)(visitor)]
    FROM
    (
        SELECT toDate(hour) AS day, uai, toString(service) AS service, toString(profil) AS profil, visit, visitor
        FROM ent.school_events
        WHERE hour >= toDateTime({monday:Date}, 'UTC') AND hour < toDateTime({monday:Date} + 7, 'UTC')
          AND NOT has(closed, toDate(hour))
    )
    GROUP BY GROUPING SETS ((day, uai), (day, uai, service), (day, uai, profil))
)
GROUP BY uai, kind, key
HAVING ifNull(visitors, max(seen)) >= 5;
