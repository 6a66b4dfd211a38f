-- When counting began, where that is less than 70 minutes before an instant: the first ten seconds with over a tenth of the
-- usual pages since. The first events that come are followed by some that were minutes on their way, and a level over
-- minutes that only such stragglers belong to would be far too low. No row where nothing was counted.
--   t: epoch seconds
WITH tens AS
(
    SELECT toUInt32(bucket) AS second, sum(length(hits)) AS pages
    FROM ent.cells
    WHERE bucket >= toDateTime(%(t)s - 4200, 'UTC') AND bucket < toDateTime(%(t)s, 'UTC')
    GROUP BY second
)
SELECT min(second)
FROM tens
WHERE pages > 0.1 * (SELECT quantileExactWeighted(0.5)(pages, pages) FROM tens)
HAVING count() > 0;
