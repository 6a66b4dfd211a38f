-- The values of a kind that were counted on the days that are kept, and today.
--   kind: of bi.traffic_hour
SELECT DISTINCT key
FROM bi.traffic_hour
WHERE kind = %(kind)s AND hour >= toStartOfHour(now('UTC')) - toIntervalDay(35) AND key != ''
ORDER BY key;
