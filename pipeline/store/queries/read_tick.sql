-- What every leaf did in the 70 minutes before an instant, and what was to be expected of it: one row for each leaf.
-- Spans are those of pipeline.alerts.sample: their edges are 0, 60, 300, 600, 900, 1200, 1800, 2100 and 4200 seconds
-- before t. `reference` has three values more: the 300 s that end 120 s before t, those that end 120 s after it, and
-- visits of the last 300 s. `oldest` and `newest` are starts of buckets or minutes with pages in these 70 minutes.
--
-- Minutes that are sealed and untouched since are read from ent.levels; the others, and all of the last six, from the
-- cells. The minute that an edge cuts is shared out by its parts, of a level as of a reference.
--
-- Cells are summed without FINAL, which would be most of the work of a tick: rows of a cell that are not merged yet add
-- up, but for events that a worker read again after a crash, which are in two of them. Where there are such events
-- (count_doubled_buckets.sql), {final} is FINAL, else nothing.
--   t: epoch seconds, a multiple of 20
WITH
    toInt64(%(t)s) AS t,
    toDateTime(%(t)s - 4200, 'UTC') AS since,
    toDateTime(%(t)s, 'UTC') AS till,
    (SELECT (groupArray(service), groupArray(famille)) FROM ent.services) AS services,
    (SELECT (groupArray(departement_code), groupArray(academie_name)) FROM ent.territories) AS territories,
    (
        SELECT (groupArray(start), arrayFlatten(groupArray(arrayMap(step -> start + step, [0, 10, 20, 30, 40, 50]))))
        FROM
        (
            SELECT start
            FROM ent.marks
            WHERE tier = 'minute' AND start > since - 60 AND start < till AND toDate(start) NOT IN (SELECT day FROM ent.closed)
            GROUP BY start
            HAVING max(touched) >= max(sealed) OR start > till - 360
        )
    ) AS hot
SELECT
    profil, academie, plateforme, exploitant, famille,
    sumForEach(counted) AS hits, sumForEach(usual) AS reference, sum(visits) AS visits, max(days) AS days,
    min(oldest) AS oldest, max(newest) AS newest
FROM
(
    SELECT
        leaf.1 AS profil, of_academie AS academie, leaf.2 AS plateforme, leaf.3 AS exploitant, leaf.4 AS famille,
        arrayMap(span -> toFloat64(span), spans) AS counted, CAST([], 'Array(Float64)') AS usual,
        toFloat64(0) AS visits, 0 AS days, first AS oldest, last AS newest
    FROM
    (
        -- Grouping by five texts would take twice as long.
        SELECT
            any(toString(academie)) AS of_academie, any(toString(plateforme)) AS of_plateforme,
            any(toString(exploitant)) AS of_exploitant, any(toString(famille)) AS of_famille,
            any(toString(profil)) AS of_profil,
            [
                sumIf(pages, second >= t - 60), sumIf(pages, second >= t - 300 AND second < t - 60),
                sumIf(pages, second >= t - 600 AND second < t - 300), sumIf(pages, second >= t - 900 AND second < t - 600),
                sumIf(pages, second >= t - 1200 AND second < t - 900),
                sumIf(pages, second >= t - 1800 AND second < t - 1200),
                sumIf(pages, second >= t - 2100 AND second < t - 1800), sumIf(pages, second < t - 2100)
            ] AS spans,
            min(second) AS first,
            max(second) AS last
        FROM
        (
            SELECT
                toUInt32(bucket) AS second, plateforme, exploitant, profil, length(hits) AS pages,
                transform(departement, territories.1, territories.2, '') AS academie,
                transform(service, services.1, services.2, '') AS famille
            FROM ent.cells {final}
            WHERE bucket >= since AND bucket < till AND has(hot.2, bucket)
        )
        GROUP BY cityHash64(academie, plateforme, exploitant, famille, profil)
    )
    ARRAY JOIN [('', of_plateforme, of_exploitant, of_famille), (of_profil, '', '', '')] AS leaf
    UNION ALL
    SELECT leaf.1, of_academie, leaf.2, leaf.3, leaf.4, [], [], toFloat64(seen), 0, 4294967295, 0
    FROM
    (
        SELECT
            any(toString(academie)) AS of_academie, any(toString(plateforme)) AS of_plateforme,
            any(toString(exploitant)) AS of_exploitant, any(toString(famille)) AS of_famille,
            any(toString(profil)) AS of_profil,
            uniqExactArray(arrayMap(id -> bitXor(id, of), visits)) AS seen
        FROM
        (
            SELECT
                plateforme, exploitant, profil, visits,
                transform(departement, territories.1, territories.2, '') AS academie,
                transform(service, services.1, services.2, '') AS famille,
                cityHash64(intDiv(t - 1 - toUInt32(bucket), 60), departement, service, projet) AS of
            FROM ent.cells
            WHERE bucket >= till - 300 AND bucket < till
        )
        GROUP BY cityHash64(academie, plateforme, exploitant, famille, profil)
    )
    ARRAY JOIN [('', of_plateforme, of_exploitant, of_famille), (of_profil, '', '', '')] AS leaf
    UNION ALL
    SELECT
        profil, academie, plateforme, exploitant, famille,
        sumForEach(arrayMap(
            (near, far) -> pages * greatest(0, least(t - near, start + 60) - greatest(t - far, start)) / 60,
            [0, 60, 300, 600, 900, 1200, 1800, 2100], [60, 300, 600, 900, 1200, 1800, 2100, 4200])),
        [], 0, 0, toUInt32(min(start)), toUInt32(max(start))
    FROM
    (
        SELECT
            toInt64(minute) AS start, toString(profil) AS profil, toString(academie) AS academie,
            toString(plateforme) AS plateforme, toString(exploitant) AS exploitant, toString(famille) AS famille,
            hits AS pages
        FROM ent.levels FINAL
        WHERE minute > since - 60 AND minute < till AND NOT has(hot.1, minute)
    )
    GROUP BY profil, academie, plateforme, exploitant, famille
    UNION ALL
    SELECT
        profil, academie, plateforme, exploitant, famille, [],
        sumForEach(arrayMap(
            (near, far, count) -> count * greatest(0, least(t - near, start + 60) - greatest(t - far, start)) / 60,
            [0, 60, 300, 600, 900, 1200, 1800, 2100, 120, -120, 0],
            [60, 300, 600, 900, 1200, 1800, 2100, 4200, 420, 180, 300],
            arrayPushBack(arrayWithConstant(10, pages), of_visits))),
        0, max(behind), 4294967295, 0
    FROM
    (
        SELECT
            toInt64(minute) AS start, toString(profil) AS profil, toString(academie) AS academie,
            toString(plateforme) AS plateforme, toString(exploitant) AS exploitant, toString(famille) AS famille,
            hits AS pages, visits AS of_visits, days AS behind
        FROM ent.references FINAL
        WHERE minute > since - 60 AND minute < till + 120
    )
    GROUP BY profil, academie, plateforme, exploitant, famille
)
GROUP BY profil, academie, plateforme, exploitant, famille
ORDER BY profil, academie, plateforme, exploitant, famille;
