-- Levels of some minutes, from their sealed rows: the crossing leaves and those by profil.
--   starts: epoch seconds
INSERT INTO ent.levels (minute, profil, academie, plateforme, exploitant, famille, hits, visits)
WITH
    (SELECT (groupArray(service), groupArray(famille)) FROM ent.services) AS services,
    (SELECT (groupArray(departement_code), groupArray(academie_name)) FROM ent.territories) AS territories
SELECT
    m.minute,
    leaf.1 AS profil,
    transform(m.departement, territories.1, territories.2, '') AS academie,
    leaf.2 AS plateforme,
    leaf.3 AS exploitant,
    leaf.4 AS famille,
    sum(m.hits),
    sum(m.visits)
FROM ent.minutes AS m FINAL
ARRAY JOIN [
    ('', toString(m.plateforme), toString(m.exploitant), toString(transform(m.service, services.1, services.2, ''))),
    (toString(m.profil), '', '', '')
] AS leaf
WHERE m.minute IN (SELECT toDateTime(arrayJoin(%(starts)s), 'UTC'))
GROUP BY minute, profil, academie, plateforme, exploitant, famille;
