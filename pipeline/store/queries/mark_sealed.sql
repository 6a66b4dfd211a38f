-- Some minutes, tens or hours hold everything that was marked before `clock` (microseconds of the server's clock).
INSERT INTO ent.marks (tier, start, touched, sealed)
SELECT %(tier)s, toDateTime(arrayJoin(%(starts)s), 'UTC'), toDateTime64(0, 6, 'UTC'), fromUnixTimestamp64Micro(toInt64(%(clock)s), 'UTC');
