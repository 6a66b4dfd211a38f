--   hour: epoch seconds; clock: microseconds of the server's clock
INSERT INTO ent.school_marks (hour, begun)
SELECT toDateTime(%(hour)s, 'UTC'), fromUnixTimestamp64Micro(toInt64(%(clock)s), 'UTC');
