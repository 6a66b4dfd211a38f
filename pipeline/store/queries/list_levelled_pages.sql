-- Hits of some académies by the hour, of days that have levels.
SELECT key, start, max(hits)
FROM ent.counts_hour
WHERE kind = 'academie'
  AND key IN %(academies)s
  AND toString(toDate(start)) IN (
      SELECT partition FROM system.parts WHERE database = 'ent' AND table = 'levels' AND active)
GROUP BY key, start;
