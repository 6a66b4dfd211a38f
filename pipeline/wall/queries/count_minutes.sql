-- Pages seen, minute by minute, by each kind at a time, of what the watched pages are about: `{{focus}}` is one of our
-- column names, or '' for the country. Hits add up over minutes; visits and visitors do not, and are not asked for.
SELECT
    toUnixTimestamp(minute) AS minute,
    focus,
    multiIf(grouping(academie) = 0, 'academie', grouping(famille) = 0, 'famille', grouping(service) = 0, 'service',
            grouping(plateforme) = 0, 'plateforme', grouping(exploitant) = 0, 'exploitant',
            grouping(profil) = 0, 'profil', 'total') AS kind,
    concat(academie, famille, service, plateforme, exploitant, profil) AS key,
    sum(hits) AS counted
FROM
(
    SELECT minute, {{focus}} AS focus, academie, famille, service, plateforme, exploitant, profil, hits
    FROM bi.traffic_minute
    WHERE minute >= %(since)s AND minute < %(until)s AND focus IN %(keys)s
)
GROUP BY GROUPING SETS
(
    (minute, focus), (minute, focus, academie), (minute, focus, famille), (minute, focus, service),
    (minute, focus, plateforme), (minute, focus, exploitant), (minute, focus, profil)
);
