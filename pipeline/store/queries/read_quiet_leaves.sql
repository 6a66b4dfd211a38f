-- The leaves of the last 36 hours: when each last had a page, and for those that have been quiet for 20 minutes, how
-- many pages its reference had since. From the sealed minutes only: what is newer is the tick's to tell.
--   t: epoch seconds
WITH
    toDateTime(%(t)s, 'UTC') AS till,
    seen AS
    (
        SELECT
            any(toString(profil)) AS profil, any(toString(academie)) AS academie,
            any(toString(plateforme)) AS plateforme, any(toString(exploitant)) AS exploitant,
            any(toString(famille)) AS famille, max(minute) AS last
        FROM ent.levels AS l
        WHERE minute >= till - 129600 AND minute < till
        GROUP BY cityHash64(l.profil, l.academie, l.plateforme, l.exploitant, l.famille)
    )
SELECT s.profil, s.academie, s.plateforme, s.exploitant, s.famille, toUnixTimestamp(any(s.last)), sum(r.missed)
FROM seen AS s
LEFT JOIN
(
    SELECT profil, academie, plateforme, exploitant, famille, last, toFloat64(hits) AS missed
    FROM
    (
        SELECT
            toString(profil) AS profil, toString(academie) AS academie, toString(plateforme) AS plateforme,
            toString(exploitant) AS exploitant, toString(famille) AS famille, hits, minute
        FROM ent.references FINAL
        WHERE minute >= till - 129600 AND minute < till
    ) AS f
    INNER JOIN (SELECT * FROM seen WHERE last < till - 1200) AS q USING (profil, academie, plateforme, exploitant, famille)
    WHERE minute > last
) AS r ON s.profil = r.profil AND s.academie = r.academie AND s.plateforme = r.plateforme
    AND s.exploitant = r.exploitant AND s.famille = r.famille
GROUP BY s.profil, s.academie, s.plateforme, s.exploitant, s.famille;
