-- What watches the traffic: levels (what is usual), references made from them, alerts, planned closures, deliveries.

-- Pages and visits by the minute, in the leaves that every watched series is a sum of. Two kinds of row:
--   profil = '':  (academie, plateforme, exploitant, famille);
--   else:         (academie, profil), where plateforme, exploitant and famille are ''.
-- A page is in one row of each kind. Absolute values made from ent.minutes: the row with the most hits wins.
CREATE TABLE IF NOT EXISTS ent.levels
(
    minute DateTime('UTC') CODEC(Delta, ZSTD(1)),
    profil LowCardinality(String),
    academie LowCardinality(String),
    plateforme LowCardinality(String),
    exploitant LowCardinality(String),
    famille LowCardinality(String),
    hits UInt64 CODEC(T64, ZSTD(1)),
    -- distinct visits of the minute in each row of ent.minutes, added up: with hits, how often a page is loaded again
    visits UInt64 CODEC(T64, ZSTD(1))
)
ENGINE = ReplacingMergeTree(hits)
PARTITION BY toDate(minute)
ORDER BY (minute, profil, academie, plateforme, exploitant, famille);

CREATE TABLE IF NOT EXISTS ent_staging.levels AS ent.levels;

-- What a leaf does on days like this one, by the minute: made from ent.levels when a local day begins, and again when
-- older days have come from files. Read whole for a day and académie; the newest of two rows wins.
CREATE TABLE IF NOT EXISTS ent.references
(
    minute DateTime('UTC') CODEC(Delta, ZSTD(1)),
    profil LowCardinality(String),
    academie LowCardinality(String),
    plateforme LowCardinality(String),
    exploitant LowCardinality(String),
    famille LowCardinality(String),
    -- a minute; no whole numbers, being means
    hits Float32 CODEC(ZSTD(1)),
    visits Float32 CODEC(ZSTD(1)),
    -- how many comparable days stand behind it
    days UInt8 CODEC(ZSTD(1)),
    made_at DateTime64(3, 'UTC') CODEC(ZSTD(1))
)
ENGINE = ReplacingMergeTree(made_at)
PARTITION BY toDate(minute)
ORDER BY (minute, profil, academie, plateforme, exploitant, famille);

-- Which local days of which académies have references, and of which past days they were made: `made_at` is that of
-- the rows. An académie without levels of comparable days has its row here all the same, with no days.
CREATE TABLE IF NOT EXISTS ent.reference_days
(
    day Date,
    academie LowCardinality(String),
    days Array(Date),
    made_at DateTime64(3, 'UTC')
)
ENGINE = ReplacingMergeTree(made_at)
PARTITION BY day
ORDER BY (day, academie);

-- Alerts: one row for each change of state of each. Whoever writes a change again writes the same row.
CREATE TABLE IF NOT EXISTS ent.alerts
(
    -- a hash of kind, key, direction and opened_at
    alert_id String,
    -- 1 when it opens, then one more with each change
    revision UInt32,
    state Enum8('opened' = 1, 'updated' = 2, 'closed' = 3),
    direction LowCardinality(String),
    -- of the series: national, famille, academie, academie_famille…
    kind LowCardinality(String),
    -- its values joined by ' · ', '' for national
    key String,
    -- instants of event time, but for written_at
    opened_at DateTime('UTC'),
    since DateTime('UTC'),
    changed_at DateTime('UTC'),
    closed_at Nullable(DateTime('UTC')),
    -- pages a minute
    observed Float64,
    expected Float64,
    low Float64,
    high Float64,
    window_seconds UInt32,
    data_age_seconds Float64,
    neighbours Array(Tuple(kind String, key String, observed Float64, expected Float64)),
    scope Array(Tuple(kind String, key String)),
    why_closed LowCardinality(String),
    closure String,
    sentence String,
    look_at String,
    written_at DateTime64(3, 'UTC') DEFAULT now64(3, 'UTC')
)
ENGINE = ReplacingMergeTree
PARTITION BY toDate(opened_at)
ORDER BY (alert_id, revision);

-- Where the detector is: its state after a tick, a few KB of JSON. The row of the newest tick is the one to go on from.
CREATE TABLE IF NOT EXISTS ent.detector
(
    name LowCardinality(String),
    tick DateTime('UTC'),
    state String CODEC(ZSTD(1))
)
ENGINE = ReplacingMergeTree(tick)
ORDER BY name;

-- What was told to whom: a change of state is delivered to a target once.
CREATE TABLE IF NOT EXISTS ent.deliveries
(
    target LowCardinality(String),
    alert_id String,
    revision UInt32,
    outcome LowCardinality(String),
    at DateTime64(3, 'UTC') DEFAULT now64(3, 'UTC')
)
ENGINE = ReplacingMergeTree
PARTITION BY toDate(at)
ORDER BY (target, alert_id, revision);

-- Planned closures: what is meant to be quiet, from when to when. '' stands for any value; several values given
-- together are a crossing. A closure is never deleted: it is removed by a row with a greater version.
CREATE TABLE IF NOT EXISTS ent.closures
(
    closure_id String,
    academie String,
    plateforme String,
    exploitant String,
    famille String,
    profil String,
    starts_at DateTime('UTC'),
    ends_at DateTime('UTC'),
    why String,
    added_by String,
    added_at DateTime('UTC'),
    removed_by String,
    removed_at Nullable(DateTime('UTC')),
    version UInt8
)
ENGINE = ReplacingMergeTree(version)
ORDER BY closure_id;

-- One row for each alert, as its latest change says.
CREATE OR REPLACE VIEW bi.alerts
SQL SECURITY DEFINER AS
SELECT
    alert_id,
    if(latest.1 = 'closed', 'closed', 'open') AS state,
    direction,
    kind,
    key,
    opened_at,
    latest.2 AS since,
    latest.3 AS updated_at,
    latest.4 AS closed_at,
    latest.5 AS observed,
    latest.6 AS expected,
    latest.7 AS low,
    latest.8 AS high,
    latest.9 AS neighbours,
    latest.10 AS scope,
    latest.11 AS data_age_seconds,
    latest.12 AS why_closed,
    latest.13 AS closure,
    latest.14 AS sentence,
    latest.15 AS look_at,
    revision
FROM
(
    SELECT
        alert_id, opened_at, toString(direction) AS direction, toString(kind) AS kind, key,
        argMax(
            (toString(state), since, changed_at, closed_at, observed, expected, low, high, neighbours, scope,
             data_age_seconds, toString(why_closed), closure, sentence, look_at),
            c.revision) AS latest,
        max(c.revision) AS revision
    FROM ent.alerts AS c
    GROUP BY alert_id, opened_at, direction, kind, key
);

-- Planned closures, removed ones too.
CREATE OR REPLACE VIEW bi.closures
SQL SECURITY DEFINER AS
SELECT
    closure_id, academie, plateforme, exploitant, famille, profil, starts_at, ends_at, why, added_by, added_at,
    removed_by, removed_at
FROM ent.closures FINAL;

-- Levels of what was sealed before there were any: minutes of open days are sealed again, closed days are made up for by
-- the workers, one at a time.
INSERT INTO ent.marks (tier, start)
SELECT DISTINCT 'minute', start
FROM ent.marks
WHERE tier = 'minute' AND start >= now('UTC') - toIntervalDay(4) AND toDate(start) NOT IN (SELECT day FROM ent.closed);
