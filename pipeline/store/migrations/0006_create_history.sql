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

-- Every hour of the 25 months kept, one row for each value of each kind; key is '' for the kind total.
--
-- One look at the marks says where each hour is read from, as in the instant views. Days that are not open (no marks,
-- or closed) are integers, final. Of the open days, hours that are sealed and whole are integers too; the others are
-- made of tens and minutes that are sealed, and of the cells of minutes that are not. An hour is never read from two
-- places, so nothing is counted twice at a border, also while a seal is running.
CREATE OR REPLACE VIEW bi.traffic_hour
SQL SECURITY DEFINER AS
WITH
    (
        SELECT (open_days, hot, minutes, tens, hours)
        FROM
        (
            SELECT
                open_days, hot, hours,
                arrayFilter(t -> NOT has(below_tens, t) AND NOT has(hours, toStartOfHour(t)), sealed_tens) AS tens,
                arrayFilter(m -> NOT has(tens, toStartOfTenMinutes(m)) AND NOT has(hours, toStartOfHour(m)), clean)
                    AS minutes
            FROM
            (
                SELECT
                    groupUniqArray(toDate(start)) AS open_days,
                    groupArrayIf(toUInt32(start), tier = 'minute' AND dirty) AS hot,
                    groupArrayIf(start, tier = 'minute' AND NOT dirty) AS clean,
                    groupArrayIf(start, tier = 'ten' AND NOT dirty) AS sealed_tens,
                    groupUniqArrayIf(toStartOfTenMinutes(start), tier = 'minute' AND dirty) AS below_tens,
                    groupUniqArrayIf(toStartOfHour(start), tier < 'hour' AND dirty) AS below_hours,
                    arrayFilter(h -> NOT has(below_hours, h), groupArrayIf(start, tier = 'hour' AND NOT dirty)) AS hours
                FROM
                (
                    SELECT tier, start, max(touched) >= max(sealed) AS dirty
                    FROM ent.marks
                    WHERE toDate(start) NOT IN (SELECT day FROM ent.closed)
                    GROUP BY tier, start
                )
            )
        )
    ) AS plan,
    (SELECT (groupArray(service), groupArray(famille), groupArray(domaine)) FROM ent.services) AS services,
    (SELECT (groupArray(departement_code), groupArray(academie_name), groupArray(region_name)) FROM ent.territories)
        AS territories
SELECT hour, kind, key, hits, visits, visitors
FROM
(
    SELECT start AS hour, kind, key, hits, visits, visitors
    FROM ent.counts_hour FINAL
    WHERE NOT has(plan.1, toDate(start)) OR has(plan.5, start)
    UNION ALL
    SELECT
        hour, kind, key, sum(counted) AS hits,
        uniqCombined64Merge(17)(visit_sketch) AS visits, uniqCombined64Merge(17)(visitor_sketch) AS visitors
    FROM
    (
        SELECT
            toStartOfHour(start) AS hour, kind, key, hits AS counted, visits AS visit_sketch, visitors AS visitor_sketch
        FROM ent.keys_ten FINAL
        WHERE has(plan.4, start)
        UNION ALL
        SELECT toStartOfHour(start) AS hour, kind, key, hits, visits, visitors
        FROM ent.keys_minute FINAL
        WHERE has(plan.3, start)
        UNION ALL
        SELECT
            hour, toLowCardinality(value.1) AS kind, toLowCardinality(value.2) AS key,
            uniqExactArray(arrayMap(event -> bitXor(event, cell), hits)),
            uniqCombined64ArrayState(17)(visits), uniqCombined64ArrayState(17)(visitors)
        FROM
        (
            SELECT
                toStartOfHour(bucket) AS hour, hits, visits, visitors,
                cityHash64(bucket, departement, service, profil, projet, exploitant, plateforme) AS cell,
                arrayJoin([
                    ('total', ''),
                    ('service', toString(service)),
                    ('famille', toString(transform(service, services.1, services.2, ''))),
                    ('domaine', toString(transform(service, services.1, services.3, ''))),
                    ('region', toString(transform(departement, territories.1, territories.3, ''))),
                    ('academie', toString(transform(departement, territories.1, territories.2, ''))),
                    ('departement', toString(departement)),
                    ('projet', toString(projet)),
                    ('plateforme', toString(plateforme)),
                    ('exploitant', toString(exploitant)),
                    ('profil', toString(profil))
                ]) AS value
            FROM ent.cells
            WHERE has(plan.2, intDiv(toUInt32(bucket), 60) * 60)
        )
        GROUP BY hour, kind, key
    )
    GROUP BY hour, kind, key
);

-- The same by day (UTC). Visits and visitors are distinct over the day: a day that is open and not sealed is made of
-- its hours' sketches, and of what is below them.
CREATE OR REPLACE VIEW bi.traffic_day
SQL SECURITY DEFINER AS
WITH
    (
        SELECT (open_days, hot, minutes, tens, hours, days)
        FROM
        (
            SELECT
                open_days, hot, days,
                arrayFilter(h -> NOT has(days, toDate(h)), sealed_hours) AS hours,
                arrayFilter(
                    t -> NOT has(below_tens, t) AND NOT has(sealed_hours, toStartOfHour(t))
                        AND NOT has(days, toDate(t)),
                    sealed_tens) AS tens,
                arrayFilter(
                    m -> NOT has(tens, toStartOfTenMinutes(m)) AND NOT has(sealed_hours, toStartOfHour(m))
                        AND NOT has(days, toDate(m)),
                    clean) AS minutes
            FROM
            (
                SELECT
                    groupUniqArray(toDate(start)) AS open_days,
                    groupArrayIf(toUInt32(start), tier = 'minute' AND dirty) AS hot,
                    groupArrayIf(start, tier = 'minute' AND NOT dirty) AS clean,
                    groupArrayIf(start, tier = 'ten' AND NOT dirty) AS sealed_tens,
                    groupUniqArrayIf(toStartOfTenMinutes(start), tier = 'minute' AND dirty) AS below_tens,
                    groupUniqArrayIf(toStartOfHour(start), tier < 'hour' AND dirty) AS below_hours,
                    groupUniqArrayIf(toDate(start), tier < 'day' AND dirty) AS below_days,
                    arrayFilter(h -> NOT has(below_hours, h), groupArrayIf(start, tier = 'hour' AND NOT dirty))
                        AS sealed_hours,
                    arrayFilter(d -> NOT has(below_days, d), groupArrayIf(toDate(start), tier = 'day' AND NOT dirty))
                        AS days
                FROM
                (
                    SELECT tier, start, max(touched) >= max(sealed) AS dirty
                    FROM ent.marks
                    WHERE toDate(start) NOT IN (SELECT day FROM ent.closed)
                    GROUP BY tier, start
                )
            )
        )
    ) AS plan,
    (SELECT (groupArray(service), groupArray(famille), groupArray(domaine)) FROM ent.services) AS services,
    (SELECT (groupArray(departement_code), groupArray(academie_name), groupArray(region_name)) FROM ent.territories)
        AS territories
SELECT day, kind, key, hits, visits, visitors
FROM
(
    SELECT day, kind, key, hits, visits, visitors
    FROM ent.counts_day FINAL
    WHERE NOT has(plan.1, day) OR has(plan.6, day)
    UNION ALL
    SELECT
        day, kind, key, sum(counted) AS hits,
        uniqCombined64Merge(17)(visit_sketch) AS visits, uniqCombined64Merge(17)(visitor_sketch) AS visitors
    FROM
    (
        SELECT toDate(start) AS day, kind, key, hits AS counted, visits AS visit_sketch, visitors AS visitor_sketch
        FROM ent.keys_hour FINAL
        WHERE has(plan.5, start)
        UNION ALL
        SELECT toDate(start) AS day, kind, key, hits, visits, visitors
        FROM ent.keys_ten FINAL
        WHERE has(plan.4, start)
        UNION ALL
        SELECT toDate(start) AS day, kind, key, hits, visits, visitors
        FROM ent.keys_minute FINAL
        WHERE has(plan.3, start)
        UNION ALL
        SELECT
            day, toLowCardinality(value.1) AS kind, toLowCardinality(value.2) AS key,
            uniqExactArray(arrayMap(event -> bitXor(event, cell), hits)),
            uniqCombined64ArrayState(17)(visits), uniqCombined64ArrayState(17)(visitors)
        FROM
        (
            SELECT
                toDate(bucket) AS day, hits, visits, visitors,
                cityHash64(bucket, departement, service, profil, projet, exploitant, plateforme) AS cell,
                arrayJoin([
                    ('total', ''),
                    ('service', toString(service)),
                    ('famille', toString(transform(service, services.1, services.2, ''))),
                    ('domaine', toString(transform(service, services.1, services.3, ''))),
                    ('region', toString(transform(departement, territories.1, territories.3, ''))),
                    ('academie', toString(transform(departement, territories.1, territories.2, ''))),
                    ('departement', toString(departement)),
                    ('projet', toString(projet)),
                    ('plateforme', toString(plateforme)),
                    ('exploitant', toString(exploitant)),
                    ('profil', toString(profil))
                ]) AS value
            FROM ent.cells
            WHERE has(plan.2, intDiv(toUInt32(bucket), 60) * 60)
        )
        GROUP BY day, kind, key
    )
    GROUP BY day, kind, key
);
