-- Who holds a lock, or died with it: name of its table, number, holder, seconds since its last sign of life as far as the table
-- itself tells (its making; `read_lock_beat` knows better).
SELECT
    name, toUInt64(extract(name, '[0-9]+$')) AS number, comment AS holder,
    dateDiff('second', metadata_modification_time, now()) AS silent
FROM system.tables
WHERE database = 'ent_staging' AND match(name, concat('^', %(lock)s, '_lock_[0-9]+$'))
ORDER BY number;
