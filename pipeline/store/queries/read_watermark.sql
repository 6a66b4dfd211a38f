-- How far each partition of a topic is: what the watermark and the gate are made of.
--   topic: its name
-- newest event time and newest arrival in epoch seconds (0: nothing counted yet); records that wait; and the
-- server's clock.
SELECT
    toFloat64(max(newest_event_time)) AS event_time,
    toFloat64(max(newest_arrival)) AS arrival,
    max(latest).3 AS waiting,
    toFloat64(now64(3, 'UTC')) AS now
FROM ent.progress
WHERE topic = %(topic)s
GROUP BY partition
ORDER BY partition;
