-- References of the local days around a day (UTC) are to be made again: what is said to stand behind them is no day at
-- all, so that the next look at what is missing finds them compared with other days.
INSERT INTO ent.reference_days (day, academie, days, made_at)
SELECT day, academie, [toDate(0)], now64(3, 'UTC')
FROM ent.reference_days
WHERE day BETWEEN %(day)s - 1 AND %(day)s + 1
GROUP BY day, academie;
