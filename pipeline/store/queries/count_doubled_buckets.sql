-- How many buckets have events that are in several rows which are not merged yet, over a tenth of them: a worker read
-- records again. Events are counted roughly (within 2 %). Looked for in the half-hour before t, where cells are summed.
--   t: epoch seconds
SELECT count()
FROM
(
    SELECT bucket
    FROM ent.cells
    WHERE bucket >= toDateTime(%(t)s - 1800, 'UTC') AND bucket < toDateTime(%(t)s, 'UTC')
      AND toDate(bucket) NOT IN (SELECT day FROM ent.closed)
    GROUP BY bucket
    HAVING sum(length(hits)) > 1.1 * uniqCombinedArray(12)(hits)
);
