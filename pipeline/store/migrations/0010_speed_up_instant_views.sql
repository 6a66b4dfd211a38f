-- The picture at an instant T, as in 0004, answered faster: the same columns, windows and figures. One view for each row
-- of the .csv beside this file, `{{column}}` replaced:
--   view        name in bi
--   at, minutes end and length of the window: parameters of the view, or fixed for those that show now (these end with
--               the ten seconds that are passing: what has just happened is in them)
--   kind        of the sealed rows; key: the same value, worked out from a cell
--   columns     made from `key`, before hits, visits and visitors; grouping: none for the total, which is one row
-- The window is [since, till). T is floored to ten seconds while the window begins in the last 46 hours (cells of
-- those days are there), else to the minute.
--
-- One look at the marks says where each minute is read from. Minutes touched since they were sealed, or cut by an end
-- of the window, come from the cells (`hot`, their buckets); the others from the tallest tier that is sealed and whole:
-- hours, tens, minutes. A tier is not used while anything below it is still to be sealed into it. Days that are closed
-- have no hot minutes. So nothing is missing and nothing counted twice at a border, also while a seal is running.
--
-- `sealed` names spans by a number: the epoch second of their start, plus 0 for a minute, 1 for ten, 2 for an hour. The
-- spans taken never overlap, so no two begin at once. What is counted from the cells passes as span 1. `plan` is named
-- once in each of two places only: the analyzer works out a scalar subquery anew at each mention from within a subquery,
-- which was half the time of a short answer.
--
-- A span may have several rows of a key until they are merged (it was sealed again): of hits the greatest counts, and
-- the union of the sketches is the sketch of the fullest, since each holds ids of that span and key only. So the tiers
-- need no FINAL, which would copy every sketch. Rows of a cell that are not merged yet may hold the same event twice:
-- they are told apart by what they stand for, (event, cell), mixed into one number.

CREATE OR REPLACE VIEW bi.{{view}}
SQL SECURITY DEFINER AS
WITH
    {{at}} AS asked,
    toIntervalMinute({{minutes}}) AS length,
    if(asked - length >= now('UTC') - toIntervalHour(46),
       toStartOfInterval(asked, toIntervalSecond(10)), toStartOfMinute(asked)) AS till,
    till - length AS since,
    (
        SELECT
        (
            arrayFlatten(arrayMap(m -> range(m, m + 60, 10), hot)),
            arrayConcat(
                arrayMap(m -> toUInt32(m) + 0,
                         arrayFilter(m -> NOT has(tens, toStartOfTenMinutes(m)) AND NOT has(hours, toStartOfHour(m)), clean)),
                arrayMap(t -> toUInt32(t) + 1, tens), arrayMap(h -> toUInt32(h) + 2, hours), [toUInt64(1)])
        )
        FROM
        (
            SELECT
                hot, clean, hours,
                arrayFilter(t -> NOT has(below_tens, t) AND NOT has(hours, toStartOfHour(t)), sealed_tens) AS tens
            FROM
            (
                SELECT
                    groupArrayIf(toUInt32(start), tier = 'minute' AND (stale OR cut)) AS hot,
                    groupArrayIf(start, tier = 'minute' AND NOT (stale OR cut)) AS clean,
                    groupArrayIf(start, tier = 'ten' AND NOT dirty AND whole) AS sealed_tens,
                    groupUniqArrayIf(toStartOfTenMinutes(start), tier = 'minute' AND stale) AS below_tens,
                    groupUniqArrayIf(toStartOfHour(start), (tier = 'minute' AND stale) OR (tier = 'ten' AND dirty)) AS below_hours,
                    arrayFilter(h -> NOT has(below_hours, h), groupArrayIf(start, tier = 'hour' AND NOT dirty AND whole)) AS hours
                FROM
                (
                    SELECT
                        tier, start,
                        max(touched) >= max(sealed) AS dirty,
                        toDate(start) NOT IN (SELECT day FROM ent.closed) AS open,
                        dirty AND open AS stale,
                        open AND (start < since OR start + 60 > till) AS cut,
                        start >= since AND start + transform(tier, ['ten', 'hour'], [600, 3600], 60) <= till AS whole
                    FROM ent.marks
                    WHERE start >= toStartOfHour(since) AND start < till
                    GROUP BY tier, start
                )
                WHERE tier != 'minute' OR start + 60 > since
            )
        )
    ) AS plan,
    (SELECT (groupArray(service), groupArray(famille), groupArray(domaine)) FROM ent.services) AS services,
    (
        SELECT (groupArray(departement_code), groupArray(departement_name), groupArray(academie_name), groupArray(region_name))
        FROM ent.territories
    ) AS territories
SELECT
    {{columns}}
    arraySum(maxMap([span], [counted]).2) AS hits,
    uniqCombined64Merge(17)(visit_sketch) AS visits,
    uniqCombined64Merge(17)(visitor_sketch) AS visitors
FROM
(
    SELECT
        toString(key) AS key, toUInt32(start) + 2 AS span,
        hits AS counted, visits AS visit_sketch, visitors AS visitor_sketch
    FROM ent.keys_hour
    WHERE kind = '{{kind}}' AND start >= since AND start < till
    UNION ALL
    SELECT toString(key), toUInt32(start) + 1, hits, visits, visitors
    FROM ent.keys_ten
    WHERE kind = '{{kind}}' AND start >= since AND start < till
    UNION ALL
    SELECT toString(key), toUInt32(start) + 0, hits, visits, visitors
    FROM ent.keys_minute
    WHERE kind = '{{kind}}' AND start >= toStartOfMinute(since) AND start < till
    UNION ALL
    SELECT
        toString({{key}}) AS key, toUInt64(1), uniqExactArray(arrayMap(event -> bitXor(event, cell), hits)),
        uniqCombined64ArrayState(17)(visits), uniqCombined64ArrayState(17)(visitors)
    FROM
    (
        SELECT
            *, cityHash64(bucket, departement, service, profil, projet, exploitant, plateforme) AS cell
        FROM ent.cells
        WHERE bucket >= since AND bucket < till AND has(plan.1, toUInt32(bucket))
    )
    GROUP BY key
)
WHERE has(plan.2, span)
{{grouping}};
