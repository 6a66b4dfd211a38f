-- Finer granules for the sealed tiers. A row carries two sketches of up to 98 KB; granules of 10 MiB, the default, made
-- whoever wanted one key's rows read a hundred others with them: four fifths of the work of a total over a day.
--
-- The size of a granule cannot be changed on a table: a new one takes over the parts of the old one (links, nothing is
-- copied; they are cut finer when they are next merged), and its name.

CREATE OR REPLACE TABLE ent.keys_minute_next AS ent.keys_minute
ENGINE = ReplacingMergeTree(hits)
PARTITION BY toDate(start)
ORDER BY (kind, start, key)
SETTINGS index_granularity_bytes = 524288;

ALTER TABLE ent.keys_minute_next ATTACH PARTITION ALL FROM ent.keys_minute;

EXCHANGE TABLES ent.keys_minute AND ent.keys_minute_next;

DROP TABLE ent.keys_minute_next SYNC;

CREATE OR REPLACE TABLE ent.keys_ten_next AS ent.keys_ten
ENGINE = ReplacingMergeTree(hits)
PARTITION BY toDate(start)
ORDER BY (kind, start, key)
SETTINGS index_granularity_bytes = 524288;

ALTER TABLE ent.keys_ten_next ATTACH PARTITION ALL FROM ent.keys_ten;

EXCHANGE TABLES ent.keys_ten AND ent.keys_ten_next;

DROP TABLE ent.keys_ten_next SYNC;

CREATE OR REPLACE TABLE ent.keys_hour_next AS ent.keys_hour
ENGINE = ReplacingMergeTree(hits)
PARTITION BY toDate(start)
ORDER BY (kind, start, key)
SETTINGS index_granularity_bytes = 524288;

ALTER TABLE ent.keys_hour_next ATTACH PARTITION ALL FROM ent.keys_hour;

EXCHANGE TABLES ent.keys_hour AND ent.keys_hour_next;

DROP TABLE ent.keys_hour_next SYNC;

-- What a worker sealed between the taking over and the exchange went into the table that is gone: every minute that
-- still has cells is sealed again.
INSERT INTO ent.marks (tier, start)
SELECT DISTINCT 'minute', start
FROM ent.marks
WHERE tier = 'minute' AND start >= now('UTC') - toIntervalDay(4) AND toDate(start) NOT IN (SELECT day FROM ent.closed);
