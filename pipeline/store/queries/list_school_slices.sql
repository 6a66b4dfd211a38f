-- Schools that have events in a span of whole hours, in order, with how many rows each (replayed ones may count twice).
--   since, till: epoch seconds, both on the hour
SELECT uai, count() AS events
FROM ent.school_events
WHERE hour >= toDateTime(%(since)s, 'UTC') AND hour < toDateTime(%(till)s, 'UTC')
GROUP BY uai
ORDER BY uai;
