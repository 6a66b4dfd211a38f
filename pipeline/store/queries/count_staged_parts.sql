SELECT count() FROM system.parts
WHERE database = 'ent_staging' AND table = %(table)s AND partition = toString(%(day)s) AND active AND rows > 0;
