-- Hours with events, of days that have levels.
SELECT DISTINCT start
FROM ent.counts_hour
WHERE kind = 'total'
  AND toString(toDate(start)) IN (
      SELECT partition FROM system.parts WHERE database = 'ent' AND table = 'levels' AND active);
