-- Distinct events of an hour, and two sums over them that no order changes.
--   hour: epoch seconds
SELECT
    count(),
    groupBitXor(sipHash64(hour, uai, service, profil, projet, exploitant, plateforme, step, event, visit, visitor)),
    sum(cityHash64(hour, uai, service, profil, projet, exploitant, plateforme, step, event, visit, visitor))
FROM ent_staging.school_events FINAL
WHERE hour = toDateTime(%(hour)s, 'UTC');
