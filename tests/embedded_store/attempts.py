"""Ways around the rules for `default`: every one of them must be refused. `ent.hits` holds the ids 11 to 14."""

REFUSED_READS = """
SELECT * FROM ent.hits
SELECT * FROM `ent`.`hits`
SELECT * FROM "ent"."hits"
SELECT * FROM ent . hits
SELECT * FROM /* bi. */ ent/**/./**/hits
SELECT * FROM bi.by_name, ent.hits
SELECT * FROM bi.by_name AS b JOIN ent.hits AS h ON b.name = h.name
SELECT (SELECT count() FROM ent.hits)
SELECT * FROM (SELECT * FROM (SELECT * FROM ent.hits))
SELECT 1 UNION ALL SELECT cell FROM ent.hits
SELECT 1 INTERSECT SELECT cell FROM ent.hits
SELECT 1 WHERE 1 IN ent.hits
SELECT 1 IN (ent.hits)
SELECT 1 GLOBAL NOT IN ent.hits
SELECT in(1, ent.hits)
SELECT name FROM bi.by_name WHERE hits IN (SELECT cell FROM ent.hits)
SELECT EXISTS (SELECT 1 FROM ent.hits)
WITH ent.hits AS y SELECT 1 IN y
WITH x AS (SELECT * FROM ent.hits) SELECT * FROM x
WITH (SELECT groupArray(ids) FROM ent.hits) AS ids SELECT ids
WITH RECURSIVE x AS (SELECT 1 AS n UNION ALL SELECT cell FROM ent.hits) SELECT * FROM x
WITH hits AS (SELECT 1) SELECT * FROM hits, ent.hits
FROM ent.hits SELECT *
SELECT * FROM ent.hits FINAL
SELECT * FROM ent.hits SAMPLE 1/2
SELECT * FROM ent.hits PREWHERE cell = 1
SELECT ent.hits.* FROM ent.hits
SELECT COLUMNS('.*') FROM ent.hits
SELECT * FROM view(SELECT * FROM ent.hits)
SELECT * FROM viewExplain('EXPLAIN', '', (SELECT * FROM ent.hits))
SELECT * FROM viewIfPermitted(SELECT ids FROM ent.hits ELSE null('ids Array(UInt64)'))
SELECT * FROM (EXPLAIN SELECT * FROM ent.hits)
SELECT * FROM merge('ent', 'hits')
SELECT * FROM merge(REGEXP('e.t'), 'hits')
SELECT * FROM merge('hits')
SELECT 1 IN merge('ent', 'hits')
SELECT * FROM MERGE('ent', 'hits')
SELECT * FROM loop(ent.hits)
SELECT * FROM loop('ent', 'hits')
SELECT * FROM loop(merge('ent', 'hits'))
SELECT * FROM remote('127.0.0.1', 'ent.hits')
SELECT * FROM remote('127.0.0.1', ent, hits)
SELECT * FROM remoteSecure('127.0.0.1', ent.hits)
SELECT * FROM cluster('default', 'ent.hits')
SELECT * FROM clusterAllReplicas('default', ent.hits)
SELECT * FROM mergeTreeIndex('ent', 'hits')
SELECT * FROM mergeTreeProjection('ent', 'hits', 'p')
SELECT * FROM mergeTreeAnalyzeIndexes('ent', 'hits')
SELECT * FROM dictionary('ent.d')
SELECT * FROM file('/etc/passwd', 'LineAsString')
SELECT * FROM File('/etc/passwd', 'LineAsString')
SELECT * FROM `file`('/etc/passwd', 'LineAsString')
SELECT * FROM fileCluster('default', '/etc/passwd')
SELECT file('/etc/passwd')
SELECT FILE('/etc/passwd')
SELECT * FROM `/etc/passwd`
SELECT * FROM '/etc/passwd'
SELECT * FROM default.`/etc/passwd`
SELECT * FROM filesystem('/etc')
SELECT * FROM url('http://127.0.0.1:1/', 'CSV', 'a String')
SELECT * FROM s3('http://127.0.0.1:1/a', 'CSV')
SELECT * FROM executable('x', 'TSV', 'a String')
SELECT * FROM python(gateway)
SELECT * FROM Python(gateway)
SELECT * FROM sqlite('/etc/passwd', 'x')
SELECT * FROM mysql('127.0.0.1:1', 'a', 'b', 'c', 'd')
SELECT * FROM postgresql('127.0.0.1:1', 'a', 'b', 'c', 'd')
SELECT * FROM jdbc('x', 'y')
SELECT * FROM input('a UInt8')
SELECT * FROM eval('SELECT * FROM ent.hits')
SELECT * FROM fuzzQuery('SELECT 1')
SELECT joinGet('ent.j', 'ids', 1)
SELECT joinGetOrNull(ent.j, 'ids', 1)
SELECT dictGet('ent.d', 'ids', 1)
SELECT dictGetOrDefault('ent.d', 'ids', 1, 0)
SELECT dictGetUInt64('ent.d', 'ids', 1)
SELECT dictHas('ent.d', 1)
SELECT dictIsIn('ent.d', 1, 2)
SELECT dictGetKeys('ent.d', 'ids', 1)
SELECT hasColumnInTable('ent', 'hits', 'ids')
SELECT aiGenerate('x')
SELECT addressToLine(1)
SELECT * FROM system.parts
SELECT * FROM system.parts_columns
SELECT * FROM system.query_log
SELECT * FROM system.text_log
SELECT * FROM system.processes
SELECT * FROM system.users
SELECT * FROM system.grants
SELECT * FROM system.server_settings
SELECT * FROM system.errors
SELECT * FROM system.query_cache
SELECT * FROM system.mutations
SELECT * FROM system.merges
SELECT * FROM system.user_directories
SELECT * FROM system.disks
SELECT * FROM system.query_metric_log
SELECT * FROM system.asynchronous_inserts
SELECT * FROM system.part_log
SELECT * FROM system.detached_parts
SELECT * FROM system.zookeeper
SELECT * FROM system.named_collections
SELECT * FROM system.settings_profile_elements
SELECT * FROM system.stack_trace
SELECT * FROM system.`parts`
SELECT 1 IN system.parts
WITH system.parts AS y SELECT 1 IN y
SELECT 1 AS a FROM system.one WHERE a IN (SELECT rows FROM system.parts)
DESCRIBE ent.hits
DESCRIBE TABLE file('/etc/passwd', 'LineAsString')
DESCRIBE (SELECT * FROM ent.hits)
DESC merge('ent', 'hits')
SHOW CREATE TABLE ent.hits
SHOW CREATE ent.hits
SHOW CREATE DATABASE ent
SHOW CREATE USER default
SHOW TABLES FROM ent
SHOW TABLES IN ent
SHOW FULL TABLES FROM `ent`
SHOW DICTIONARIES FROM ent
SHOW COLUMNS FROM hits FROM ent
SHOW COLUMNS FROM ent.hits
SHOW FULL COLUMNS FROM hits IN ent
SHOW COLUMNS FROM ent FROM ent
SHOW INDEX FROM hits FROM ent
SHOW INDEXES FROM ent.hits
SHOW TABLES WHERE name IN (SELECT toString(cell) FROM ent.hits)
SHOW TABLES FROM bi WHERE name IN ent.hits
SHOW COLUMNS FROM by_name FROM bi WHERE field IN (SELECT name FROM ent.hits)
SHOW TABLES LIMIT (SELECT cell FROM ent.hits LIMIT 1)
SHOW PROCESSLIST
SHOW GRANTS
SHOW ACCESS
SHOW USERS
SHOW MERGES
SHOW CLUSTERS
SHOW CACHES
SHOW FILESYSTEM CACHES
EXISTS ent.hits
EXISTS TABLE ent.hits
EXISTS DATABASE ent
EXPLAIN SELECT * FROM ent.hits
EXPLAIN PLAN indexes = 1 SELECT * FROM ent.hits
EXPLAIN PIPELINE SELECT * FROM ent.hits
EXPLAIN ESTIMATE SELECT * FROM ent.hits
EXPLAIN AST SELECT * FROM ent.hits
EXPLAIN SYNTAX SELECT * FROM ent.hits
EXPLAIN QUERY TREE SELECT * FROM ent.hits
EXPLAIN TABLE OVERRIDE mysql('127.0.0.1:1', 'a', 'b', 'c', 'd') PARTITION BY x
USE ent
USE DATABASE ent
USE `ent`
EXECUTE AS admin SELECT 1
SELECT 1; SELECT * FROM ent.hits
SELECT 1;;SELECT * FROM ent.hits;
SELECT '\\''; SELECT * FROM ent.hits; SELECT '\\''
SELECT * FROM bi.by_name SETTINGS additional_table_filters = {'bi.by_name': 'hits IN (SELECT cell FROM ent.hits)'}
SELECT * FROM (SELECT 1 SETTINGS additional_result_filter = '1 IN (SELECT cell FROM ent.hits)')
SELECT 1 SETTINGS max_threads = 1, implicit_table_at_top_level = 'ent.hits'
SELECT 1 SETTINGS `additional_result_filter` = '1 IN (SELECT cell FROM ent.hits)'
SELECT 1 SETTINGS readonly = 0
SELECT * FROM ent.hits SETTINGS max_result_rows = 1, result_overflow_mode = 'break'
SELECT 1 UNION ALL SELECT cell FROM ent.hits SETTINGS max_result_rows = 1, result_overflow_mode = 'break'
SELECT * FROM (SELECT * FROM ent.hits SETTINGS max_result_rows = 1) SETTINGS result_overflow_mode = 'break'
SELECT '1 = 1) SETTINGS a = 1' AS `SETTINGS x = '` FROM ent.hits
SET additional_table_filters = {'bi.by_name': 'hits IN (SELECT cell FROM ent.hits)'}
SET max_threads = 1, additional_result_filter = '1 IN (SELECT cell FROM ent.hits)'
SET implicit_table_at_top_level = 'ent.hits'
SET dialect = 'prql'
SET dialect = 'kusto'
SET allow_introspection_functions = 1
SET allow_ddl = 1
SET readonly = 0
SET readonly = 1
SET readonly = 2
SET ROLE ALL
SET DEFAULT ROLE ALL TO default
SET TRANSACTION SNAPSHOT 1
SET param_x = 'ent.hits'
SELECT * FROM {x:Identifier}
SELECT * FROM bi.above(least=(SELECT max(cell) FROM ent.hits))
SELECT * FROM ent.hits(least=1)
SELECT 1 AS a ORDER BY a WITH FILL FROM 1 TO (SELECT max(cell) FROM ent.hits)
SELECT 1 AS a, 2 AS b ORDER BY a WITH FILL TO 3 INTERPOLATE (b AS (SELECT max(cell) FROM ent.hits))
SELECT 1 LIMIT (SELECT max(cell) FROM ent.hits)
SELECT 1 LIMIT 1 OFFSET (SELECT max(cell) FROM ent.hits)
SELECT 1 LIMIT 1 BY (SELECT max(cell) FROM ent.hits)
SELECT sum(1) OVER w WINDOW w AS (ORDER BY (SELECT max(cell) FROM ent.hits))
SELECT sum(1) OVER (PARTITION BY (SELECT max(cell) FROM ent.hits))
SELECT sum(1) OVER (ROWS BETWEEN (SELECT max(cell) FROM ent.hits) PRECEDING AND CURRENT ROW)
SELECT 1 QUALIFY (SELECT max(cell) FROM ent.hits) = 2
SELECT count() HAVING (SELECT max(cell) FROM ent.hits) = 2
SELECT count() GROUP BY GROUPING SETS (((SELECT max(cell) FROM ent.hits)), ())
SELECT * APPLY(x -> (SELECT max(cell) FROM ent.hits)) FROM bi.by_name
SELECT * APPLY(x -> x IN ent.hits) FROM bi.by_name
SELECT * APPLY(x -> x IN `ent`.`hits`) FROM bi.by_name
SELECT COLUMNS('hits') APPLY(x -> x IN (SELECT cell FROM ent.hits)) FROM bi.by_name
SELECT * APPLY(x -> file('/etc/passwd')) FROM bi.by_name
SELECT * APPLY(x -> `file`('/etc/passwd')) FROM bi.by_name
SELECT * APPLY(x -> dictGet('ent.d', 'ids', 1)) FROM bi.by_name
SELECT * APPLY(x -> x IN merge('ent', 'hits')) FROM bi.by_name
SELECT * APPLY(dictHas('ent.d')) FROM bi.by_name
SELECT * APPLY(file) FROM (SELECT '/etc/passwd')
SELECT * APPLY(`file`) FROM (SELECT '/etc/passwd')
SELECT * REPLACE((SELECT max(cell) FROM ent.hits) AS hits) FROM bi.by_name
SELECT COLUMNS('hits') REPLACE((SELECT max(cell) FROM ent.hits) AS hits) FROM bi.by_name
SELECT x FROM bi.by_name ARRAY JOIN (SELECT groupArray(cell) FROM ent.hits) AS x
SELECT DISTINCT ON ((SELECT max(cell) FROM ent.hits)) 1
SELECT quantile((SELECT max(cell) / 10 FROM ent.hits))(1)
SELECT 1 FROM bi.by_name AS a JOIN bi.by_name AS b ON a.name = b.name AND (SELECT max(cell) FROM ent.hits) = 2
SELECT 1 FROM bi.by_name AS a ASOF JOIN (SELECT name, cell FROM ent.hits) AS b USING (name, hits)
SELECT count() FILTER (WHERE 1 IN ent.hits)
SELECT CASE WHEN 1 IN (SELECT cell FROM ent.hits) THEN 1 END
SELECT arrayMap(x -> x IN ent.hits, [1])
SELECT * FROM view(SELECT 1 IN ent.hits)
SELECT * FROM numbers((SELECT max(cell) FROM ent.hits))
SELECT * FROM values('a UInt64', (SELECT max(cell) FROM ent.hits))
SELECT 1 PARALLEL WITH SELECT cell FROM ent.hits
SELECT 1 EXCEPT SELECT cell FROM ent.hits
(SELECT 1) UNION DISTINCT (SELECT cell FROM ent.hits)
SELECT 1 AS `x (alias bi)`, cell FROM ent.hits AS `bi.by_name`
SELECT '\\n TableIdentifier bi.by_name' AS `\\n Identifier y`, cell FROM ent.hits
SELECT * FROM bi.by_name INTO OUTFILE '/tmp/instant-t-out'
SELECT * FROM bi.by_name INTO/**/OUTFILE '/tmp/instant-t-out' TRUNCATE FORMAT CSV
SELECT * FROM bi.by_name INTO OUTFILE '/tmp/instant-t-out' AND STDOUT
""".strip().splitlines()

REFUSED_WRITES = """
INSERT INTO ent.hits (cell) VALUES (1)
INSERT INTO ent.hits SELECT * FROM ent.hits
INSERT INTO bi.by_name VALUES ('a', 1)
INSERT INTO hits (cell) VALUES (1)
INSERT INTO FUNCTION file('/tmp/instant-t-out', 'CSV', 'a UInt8') VALUES (1)
INSERT INTO FUNCTION file('/tmp/instant-t-out', 'CSV') SELECT 1
INSERT INTO TABLE FUNCTION url('http://127.0.0.1:1/', 'CSV', 'a UInt8') SELECT 1
INSERT INTO FUNCTION null('a UInt8') SELECT cell FROM ent.hits
INSERT INTO bi.by_name FROM INFILE '/etc/passwd' FORMAT LineAsString
CREATE TABLE bi.x (a UInt8) ENGINE = Memory
CREATE TABLE x AS ent.hits
CREATE TEMPORARY TABLE x AS SELECT * FROM ent.hits
CREATE TEMPORARY TABLE x (a UInt8)
CREATE VIEW bi.x AS SELECT * FROM ent.hits
CREATE OR REPLACE VIEW bi.by_name AS SELECT * FROM ent.hits
CREATE MATERIALIZED VIEW bi.x ENGINE = Memory AS SELECT 1
CREATE DATABASE x
CREATE FUNCTION f AS x -> x
CREATE DICTIONARY bi.d (a UInt64) PRIMARY KEY a SOURCE(FILE(path 'x' format 'CSV')) LAYOUT(FLAT())
CREATE USER x
CREATE NAMED COLLECTION x AS a = 1
CREATE WORKLOAD x
ALTER TABLE ent.hits DROP PARTITION '2026-09-01'
ALTER TABLE ent.hits DELETE WHERE 1
ALTER TABLE ent.hits UPDATE name = '' WHERE 1
ALTER TABLE ent.hits FETCH PARTITION '2026-09-01' FROM '/x'
DELETE FROM ent.hits WHERE 1
UPDATE ent.hits SET name = '' WHERE 1
DROP TABLE ent.hits
DROP DATABASE ent
DETACH TABLE ent.hits
ATTACH TABLE ent.hits
UNDROP TABLE ent.hits
TRUNCATE TABLE ent.hits
RENAME TABLE ent.hits TO bi.hits
EXCHANGE TABLES ent.hits AND ent.hits
OPTIMIZE TABLE ent.hits FINAL
CHECK TABLE ent.hits
MOVE PARTITION '1' FROM ent.hits TO ent.hits
BACKUP TABLE ent.hits TO File('/tmp/instant-t-out')
BACKUP TABLE ent.hits TO Disk('default', 'x')
RESTORE TABLE ent.hits FROM File('/tmp/instant-t-out')
SYSTEM FLUSH LOGS
SYSTEM SHUTDOWN
SYSTEM STOP MERGES
SYSTEM RELOAD CONFIG
KILL QUERY WHERE 1
KILL MUTATION WHERE 1
GRANT ALL ON *.* TO default
REVOKE ALL ON *.* FROM default
BEGIN TRANSACTION
WATCH ent.hits
""".strip().splitlines()

ALLOWED = """
SELECT 1
SELECT version()
SELECT timezone(), currentDatabase(), currentUser(), hostName()
SELECT * FROM bi.by_name ORDER BY name
SELECT * FROM `bi`.`by_name` AS b WHERE b.hits > 1
SELECT * FROM bi.above(least=2)
WITH x AS (SELECT * FROM bi.by_name) SELECT * FROM x
WITH 2 AS least SELECT * FROM bi.by_name WHERE hits > least
SELECT name FROM bi.by_name WHERE name IN (SELECT name FROM bi.by_name)
SELECT name FROM bi.by_name WHERE name IN ('VISIO', 'COURRIER')
SELECT $x$ ; SELECT * FROM ent.hits; SELECT $x$
SELECT a.name, b.hits FROM bi.by_name AS a JOIN bi.by_name AS b USING name
SELECT name, sum(hits) OVER (ORDER BY name) FROM bi.by_name
SELECT arrayMap(x -> x + 1, [1, 2]), format('{}', 'a'), if(1, 2, 3), tuple(1, 'ent.hits')
SELECT toStartOfInterval(now(), INTERVAL 1 MINUTE) AS time, 'ent.hits' AS text
SELECT * FROM view(SELECT * FROM bi.by_name)
SELECT * FROM values('a UInt8', 1, 2)
SELECT * FROM generate_series(1, 3)
SELECT number FROM numbers(3) UNION ALL SELECT number FROM system.numbers LIMIT 2
SELECT * FROM bi.by_name SETTINGS max_execution_time = 5, max_threads = 1
SELECT * FROM bi.by_name LIMIT 1 SETTINGS join_use_nulls = 1 FORMAT JSON
SELECT * FROM (SELECT * FROM bi.by_name) FORMAT JSONCompact;
SELECT /* Grafana */ count() FROM bi.by_name -- end
SELECT name, value FROM system.settings WHERE name = 'max_threads'
SELECT name, engine FROM system.tables WHERE database = 'bi'
SELECT name, type, comment FROM system.columns WHERE database = 'bi' AND table = 'by_name'
SELECT name FROM system.databases
SELECT name FROM system.functions LIMIT 1
SELECT name FROM system.data_type_families LIMIT 1
SELECT * FROM system.build_options LIMIT 1
SELECT * FROM system.contributors LIMIT 1
SELECT name FROM system.formats LIMIT 1
SELECT name FROM system.table_functions LIMIT 1
SELECT name FROM system.table_engines LIMIT 1
SELECT * FROM system.one
SELECT * FROM information_schema.tables WHERE table_schema = 'bi'
SELECT table_name FROM INFORMATION_SCHEMA.COLUMNS WHERE table_schema = 'bi'
SHOW DATABASES
SHOW DATABASES LIKE 'b%'
SHOW TABLES
SHOW TABLES FROM bi
SHOW TABLES FROM system LIKE 'se%'
SHOW FULL TABLES FROM bi
SHOW COLUMNS FROM by_name FROM bi
SHOW CREATE TABLE bi.by_name
SHOW CREATE VIEW bi.by_name
SHOW SETTINGS LIKE 'max_threads'
SHOW FUNCTIONS LIKE 'dictGet'
DESCRIBE TABLE bi.by_name
DESC bi.by_name
DESCRIBE (SELECT * FROM bi.by_name)
EXISTS TABLE bi.by_name
EXISTS bi.nothing
EXPLAIN SELECT * FROM bi.by_name
EXPLAIN AST SELECT * FROM bi.by_name
EXPLAIN SYNTAX SELECT 1
USE bi
USE default
USE system
SET max_execution_time = 10
SET max_threads = 1, join_use_nulls = 1
SELECT throwIf(0)
SELECT * APPLY(toString) FROM bi.by_name
SELECT * APPLY(x -> upper(toString(x))) FROM bi.by_name
SELECT b.hits, b.* FROM bi.by_name AS b
""".strip().splitlines()
