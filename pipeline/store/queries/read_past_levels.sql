-- What the leaves of some académies did in the same part of some past days: for each leaf, the minutes of the first day,
-- then those of the second… in one array of hits and one of visits; 0 where there was nothing.
--   academies: names
--   starts: epoch seconds of the first minute of each day's part; seconds: its length; size: all minutes together
WITH
    %(starts)s AS starts,
    arrayFirstIndex(begin -> toUInt32(minute) >= begin AND toUInt32(minute) < begin + %(seconds)s, starts) AS number
SELECT
    any(toString(profil)), any(toString(academie)), any(toString(plateforme)), any(toString(exploitant)),
    any(toString(famille)),
    groupArrayInsertAt(0, %(size)s)(
        toUInt32(hits), toUInt32((number - 1) * intDiv(%(seconds)s, 60) + intDiv(toUInt32(minute) - starts[number], 60))),
    groupArrayInsertAt(0, %(size)s)(
        toUInt32(visits), toUInt32((number - 1) * intDiv(%(seconds)s, 60) + intDiv(toUInt32(minute) - starts[number], 60)))
FROM ent.levels AS l FINAL
WHERE toDate(minute) IN (
        SELECT arrayJoin([toDate(toDateTime(begin, 'UTC')), toDate(toDateTime(begin + %(seconds)s, 'UTC'))])
        FROM (SELECT arrayJoin(%(starts)s) AS begin))
  AND academie IN %(academies)s AND number > 0
GROUP BY cityHash64(l.profil, l.academie, l.plateforme, l.exploitant, l.famille);
