-- The newest tick whose state is kept; 0 where there is none.
SELECT toUnixTimestamp(max(tick))
FROM ent.detector
WHERE name = %(name)s;
