-- Seconds since the holder's last sign of life; no row where it has not given one.
SELECT dateDiff('second', max(at), now('UTC')) FROM ent_staging.{lock}_lock_{number} HAVING count() > 0;
