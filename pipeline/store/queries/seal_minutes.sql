-- Sealed rows of some minutes, all dimensions crossed, from the cells.
--   starts: epoch seconds
INSERT INTO ent.minutes
    (minute, departement, service, profil, projet, exploitant, plateforme, hits, visits, visitors)
SELECT
    toStartOfMinute(bucket) AS minute, departement, service, profil, projet, exploitant, plateforme,
    sum(length(hits)), uniqExactArray(visits), uniqExactArray(visitors)
FROM ent.cells FINAL
WHERE toStartOfMinute(bucket) IN (SELECT toDateTime(arrayJoin(%(starts)s), 'UTC'))
GROUP BY minute, departement, service, profil, projet, exploitant, plateforme;
