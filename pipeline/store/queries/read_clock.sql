-- The server's clock, in microseconds. It is read before the cells are: a mark that is younger stays dirty.
SELECT toUnixTimestamp64Micro(now64(6, 'UTC')) AS clock;
