-- Ten-minute spans, hours or days to seal: ended, touched since they were sealed, and nothing below them still to be
-- sealed (until then no reader would use them).
--   tier: 'ten', 'hour' or 'day'; seconds: its length
--   since, ended: epoch seconds, `since` on the hour; spans that begin from `since` on and end by `ended`
SELECT toUnixTimestamp(span) AS begin
FROM
(
    SELECT
        toStartOfInterval(start, toIntervalSecond(%(seconds)s)) AS span,
        countIf(tier = %(tier)s AND dirty) AS to_seal,
        countIf(tier < %(tier)s AND dirty AND (tier != 'minute' OR toDate(start) NOT IN (SELECT day FROM ent.closed)))
            AS below
    FROM
    (
        SELECT tier, start, max(touched) >= max(sealed) AS dirty
        FROM ent.marks
        WHERE tier <= %(tier)s AND start >= toDateTime(%(since)s, 'UTC')
        GROUP BY tier, start
    )
    GROUP BY span
)
WHERE to_seal > 0 AND below = 0 AND span + %(seconds)s <= toDateTime(%(ended)s, 'UTC')
ORDER BY begin
LIMIT %(most)s;
