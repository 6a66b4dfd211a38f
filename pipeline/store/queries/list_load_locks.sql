-- Who loads history: name of the lock's table, number, holder, seconds since its last sign of life as far as the table
-- itself tells (its making; `read_load_beat` knows better).
SELECT
    name, toUInt64(extract(name, '\\d+$')) AS number, comment AS holder,
    dateDiff('second', metadata_modification_time, now()) AS silent
FROM system.tables
WHERE database = 'ent_staging' AND match(name, '^load_lock_\\d+$')
ORDER BY number;
