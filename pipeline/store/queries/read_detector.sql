-- The state of the newest tick.
SELECT toUnixTimestamp(max(tick)) AS newest, argMax(state, d.tick) AS latest
FROM ent.detector AS d
WHERE name = %(name)s
HAVING count() > 0;
