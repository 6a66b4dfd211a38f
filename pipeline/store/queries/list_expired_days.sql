-- Days before `first` that the sealed tiers still hold. A day whose cells are still there is not one of them: it has
-- to be sealed and closed before.
SELECT DISTINCT toDate(partition) AS day
FROM system.parts
WHERE database = 'ent' AND table IN ('keys_minute', 'keys_ten', 'keys_hour', 'minutes', 'marks') AND active
  AND toDate(partition) < %(first)s
  AND partition NOT IN (SELECT partition FROM system.parts WHERE database = 'ent' AND table = 'cells' AND active)
ORDER BY day;
