-- For tools that cannot pass parameters.

-- Every minute of the retention, all dimensions crossed. Minutes that are sealed and untouched since, and all those
-- of closed days, are integers; the few others are counted from the cells. `dirty` is read once, so that a minute is
-- never in both. Visits and visitors are exact in each row, and not to be summed over rows.
CREATE OR REPLACE VIEW bi.traffic_minute
SQL SECURITY DEFINER AS
WITH
    (
        SELECT groupArray(start)
        FROM
        (
            SELECT start
            FROM ent.marks
            WHERE tier = 'minute' AND toDate(start) NOT IN (SELECT day FROM ent.closed)
            GROUP BY start
            HAVING max(touched) >= max(sealed)
        )
    ) AS dirty,
    (SELECT (groupArray(service), groupArray(famille), groupArray(domaine)) FROM ent.services) AS services,
    (SELECT (groupArray(departement_code), groupArray(academie_name), groupArray(region_name)) FROM ent.territories)
        AS territories
SELECT
    minute,
    service,
    transform(service, services.1, services.2, '') AS famille,
    transform(service, services.1, services.3, '') AS domaine,
    transform(departement, territories.1, territories.3, '') AS region,
    transform(departement, territories.1, territories.2, '') AS academie,
    departement,
    projet,
    plateforme,
    exploitant,
    profil,
    hits,
    visits,
    visitors
FROM
(
    SELECT
        minute, toString(service) AS service, toString(departement) AS departement, toString(projet) AS projet,
        toString(plateforme) AS plateforme, toString(exploitant) AS exploitant, toString(profil) AS profil,
        hits, visits, visitors
    FROM ent.minutes FINAL
    WHERE NOT has(dirty, minute)
    UNION ALL
    SELECT
        toStartOfMinute(bucket) AS minute, toString(service) AS service, toString(departement) AS departement,
        toString(projet) AS projet, toString(plateforme) AS plateforme, toString(exploitant) AS exploitant,
        toString(profil) AS profil,
        sum(length(c.hits)) AS hits, uniqExactArray(c.visits) AS visits, uniqExactArray(c.visitors) AS visitors
    FROM ent.cells AS c FINAL
    WHERE has(dirty, toStartOfMinute(bucket))
    GROUP BY minute, service, departement, projet, plateforme, exploitant, profil
);

-- How fresh the figures are: always one row. Before a worker has written: 1970-01-01 00:00:00, age 0, lag 0.
CREATE OR REPLACE VIEW bi.freshness
SQL SECURITY DEFINER AS
SELECT
    toDateTime64(max(event_time), 3, 'UTC') AS newest_event_time,
    toDateTime64(max(arrival), 3, 'UTC') AS newest_arrival,
    if(count() = 0 OR newest_arrival = toDateTime64(0, 3, 'UTC'), toFloat64(0),
       greatest(toFloat64(0), toFloat64(toUnixTimestamp64Milli(now64(3, 'UTC')) - toUnixTimestamp64Milli(newest_arrival)) / 1000))
        AS data_age_seconds,
    sum(lag) AS lag_records
FROM
(
    SELECT
        max(newest_event_time) AS event_time,
        max(newest_arrival) AS arrival,
        max(latest).3 AS lag
    FROM ent.progress
    GROUP BY topic, partition
);
