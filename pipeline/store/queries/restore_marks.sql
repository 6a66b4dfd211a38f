-- The marks of a closed day, which are all sealed and final: one for each span that has rows.
INSERT INTO ent.marks (tier, start, touched, sealed)
SELECT tier, start, toDateTime64(0, 6, 'UTC'), now64(6, 'UTC')
FROM
(
    SELECT DISTINCT 'minute' AS tier, start FROM ent.keys_minute WHERE kind = 'total' AND toDate(start) = %(day)s
    UNION ALL
    SELECT DISTINCT 'ten', start FROM ent.keys_ten WHERE kind = 'total' AND toDate(start) = %(day)s
    UNION ALL
    SELECT DISTINCT 'hour', start FROM ent.keys_hour WHERE kind = 'total' AND toDate(start) = %(day)s
    UNION ALL
    SELECT DISTINCT 'day', toStartOfDay(start) FROM ent.keys_hour WHERE kind = 'total' AND toDate(start) = %(day)s
);
