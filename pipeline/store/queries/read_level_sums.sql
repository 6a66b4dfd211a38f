-- Hits of each leaf on a day (UTC).
SELECT
    any(toString(profil)), any(toString(academie)), any(toString(plateforme)), any(toString(exploitant)),
    any(toString(famille)), sum(hits)
FROM ent.levels AS l FINAL
WHERE toDate(minute) = toDate(%(day)s)
GROUP BY cityHash64(l.profil, l.academie, l.plateforme, l.exploitant, l.famille);
