-- For each hour of a day: distinct events, and two sums over them that no order changes.
--   begin: epoch seconds of its midnight (UTC)
SELECT
    toUnixTimestamp(hour) AS start,
    count() AS events,
    groupBitXor(sipHash64(hour, uai, service, profil, projet, exploitant, plateforme, step, event, visit, visitor)) AS mixed,
    sum(cityHash64(hour, uai, service, profil, projet, exploitant, plateforme, step, event, visit, visitor)) AS total
FROM ent_staging.school_events FINAL
WHERE hour >= toDateTime(%(begin)s, 'UTC') AND hour < toDateTime(%(begin)s + 86400, 'UTC')
GROUP BY start
ORDER BY start;
