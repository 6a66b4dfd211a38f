-- Tables that hold rows of a day in ent_staging.
SELECT DISTINCT table FROM system.parts
WHERE database = 'ent_staging' AND partition = toString(%(day)s) AND active AND rows > 0;
