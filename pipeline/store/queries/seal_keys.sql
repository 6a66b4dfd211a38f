-- Sealed rows of some minutes, one for each value of each kind, from the cells.
--   starts: epoch seconds
INSERT INTO ent.keys_minute (kind, start, key, hits, visits, visitors)
WITH
    (SELECT (groupArray(service), groupArray(famille), groupArray(domaine)) FROM ent.services) AS services,
    (SELECT (groupArray(departement_code), groupArray(academie_name), groupArray(region_name)) FROM ent.territories)
        AS territories
SELECT
    multiIf(
        grouping(service) = 0, 'service', grouping(famille) = 0, 'famille', grouping(domaine) = 0, 'domaine',
        grouping(region) = 0, 'region', grouping(academie) = 0, 'academie', grouping(departement) = 0, 'departement',
        grouping(projet) = 0, 'projet', grouping(plateforme) = 0, 'plateforme',
        grouping(exploitant) = 0, 'exploitant', grouping(profil) = 0, 'profil', 'total') AS kind,
    start,
    multiIf(
        kind = 'service', service, kind = 'famille', famille, kind = 'domaine', domaine,
        kind = 'region', region, kind = 'academie', academie, kind = 'departement', departement,
        kind = 'projet', projet, kind = 'plateforme', plateforme,
        kind = 'exploitant', exploitant, kind = 'profil', profil, '') AS key,
    sum(length(hits)),
    uniqCombined64ArrayState(17)(visits),
    uniqCombined64ArrayState(17)(visitors)
FROM
(
    SELECT
        toStartOfMinute(bucket) AS start, hits, visits, visitors,
        toString(service) AS service, toString(departement) AS departement, toString(projet) AS projet,
        toString(plateforme) AS plateforme, toString(exploitant) AS exploitant, toString(profil) AS profil,
        transform(service, services.1, services.2, '') AS famille,
        transform(service, services.1, services.3, '') AS domaine,
        transform(departement, territories.1, territories.3, '') AS region,
        transform(departement, territories.1, territories.2, '') AS academie
    FROM ent.cells FINAL
    WHERE toStartOfMinute(bucket) IN (SELECT toDateTime(arrayJoin(%(starts)s), 'UTC'))
)
GROUP BY GROUPING SETS (
    (start), (start, service), (start, famille), (start, domaine), (start, region), (start, academie),
    (start, departement), (start, projet), (start, plateforme), (start, exploitant), (start, profil)
);
