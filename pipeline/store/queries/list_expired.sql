-- What some tables hold of days past their keeping. A day whose cells are still there is not one of them: it has to be
-- sealed and closed before.
--   tables: of ent, in the order in which they are to lose a day
--   first: the first day that is kept
--   loaded_from: of days that came from files, those loaded on this day or later are kept, however old
SELECT table, toDate(partition) AS day
FROM system.parts
WHERE database = 'ent' AND has(%(tables)s, table) AND active
  AND toDate(partition) < toDate(%(first)s)
  AND toDate(partition) NOT IN (SELECT day FROM ent.history WHERE toDate(loaded_at) >= toDate(%(loaded_from)s))
  AND partition NOT IN (SELECT partition FROM system.parts WHERE database = 'ent' AND table = 'cells' AND active)
GROUP BY table, day
ORDER BY day, indexOf(%(tables)s, table);
