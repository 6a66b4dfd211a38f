-- Rows of cells of a span, unmerged ones included: how much work its minutes are.
--   since, till: epoch seconds
SELECT count()
FROM ent.cells
WHERE bucket >= toDateTime(%(since)s, 'UTC') AND bucket < toDateTime(%(till)s, 'UTC');
