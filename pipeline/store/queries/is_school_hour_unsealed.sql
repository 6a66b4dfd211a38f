-- Of one hour of schools: whether its events are more than its sealed rows hold. Rows are distinct events of one visit:
-- as many hits at the most, so that nothing is missing where this says no.
--   hour: epoch seconds
SELECT
    (SELECT count() FROM ent.school_events FINAL WHERE hour = toDateTime(%(hour)s, 'UTC'))
    > (SELECT sum(hits) FROM ent.school_hours FINAL WHERE hour = toDateTime(%(hour)s, 'UTC')) AS unsealed;
