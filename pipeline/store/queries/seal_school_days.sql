-- Sealed rows of one day, for a range of schools: integers by one key at a time, then the sketches of visitors.
--   since, till: epoch seconds, the day's; first, last: UAIs, both included
INSERT INTO ent.school_days (day, kind, uai, key, hits, visits, visitors)
WITH
    (SELECT (groupArray(service), groupArray(famille), groupArray(domaine)) FROM ent.services) AS services
SELECT
    day,
    multiIf(
        grouping(service) = 0, 'service', grouping(famille) = 0, 'famille', grouping(domaine) = 0, 'domaine',
        grouping(profil) = 0, 'profil', grouping(projet) = 0, 'projet', grouping(exploitant) = 0, 'exploitant',
        grouping(plateforme) = 0, 'plateforme', 'total') AS kind,
    uai,
    multiIf(
        kind = 'service', service, kind = 'famille', famille, kind = 'domaine', domaine, kind = 'profil', profil,
        kind = 'projet', projet, kind = 'exploitant', exploitant, kind = 'plateforme', plateforme, '') AS key,
    uniqExact(hit), uniqExact(visit), uniqExact(visitor)
FROM
(
    SELECT
        toDate(hour) AS day, uai,
        toString(service) AS service, toString(profil) AS profil, toString(projet) AS projet,
        toString(exploitant) AS exploitant, toString(plateforme) AS plateforme,
        transform(service, services.1, services.2, '') AS famille,
        transform(service, services.1, services.3, '') AS domaine,
        bitXor(event, cityHash64(hour, step, e.service, e.profil, e.projet, e.exploitant, e.plateforme)) AS hit,
        visit, visitor
    FROM ent.school_events AS e
    WHERE hour >= toDateTime(%(since)s, 'UTC') AND hour < toDateTime(%(till)s, 'UTC')
      AND uai >= %(first)s AND uai <= %(last)s
)
GROUP BY GROUPING SETS (
    (day, uai), (day, uai, service), (day, uai, famille), (day, uai, domaine), (day, uai, profil), (day, uai, projet),
    (day, uai, exploitant), (day, uai, plateforme)
);

INSERT INTO ent.school_visitors (day, kind, uai, key, hits, visitors)
SELECT
    day,
    multiIf(grouping(service) = 0, 'service', grouping(profil) = 0, 'profil', 'total') AS kind,
    uai,
    multiIf(kind = 'service', service, kind = 'profil', profil, '') AS key,
    uniqExact(hit), uniqCombined64State(17)(visitor)
FROM
(
    SELECT
        toDate(hour) AS day, uai, toString(service) AS service, toString(profil) AS profil,
        bitXor(event, cityHash64(hour, step, e.service, e.profil, e.projet, e.exploitant, e.plateforme)) AS hit,
        visitor
    FROM ent.school_events AS e
    WHERE hour >= toDateTime(%(since)s, 'UTC') AND hour < toDateTime(%(till)s, 'UTC')
      AND uai >= %(first)s AND uai <= %(last)s
)
GROUP BY GROUPING SETS ((day, uai), (day, uai, service), (day, uai, profil));
