-- Sealed rows of one hour, for a range of schools.
--   hour: epoch seconds; first, last: UAIs, both included
INSERT INTO ent.school_hours (hour, uai, service, profil, hits, visits, visitors)
SELECT
    hour, uai, service, profil,
    uniqExact(bitXor(event, cityHash64(step, projet, exploitant, plateforme))), uniqExact(visit), uniqExact(visitor)
FROM ent.school_events
WHERE hour = toDateTime(%(hour)s, 'UTC') AND uai >= %(first)s AND uai <= %(last)s
GROUP BY hour, uai, service, profil;
