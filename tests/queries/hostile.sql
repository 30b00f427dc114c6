--: writing [NOT_A_SELECT]
INSERT INTO event SELECT * FROM event
--: changing [NOT_A_SELECT]
UPDATE patient SET sex = 'x'
--: deleting [NOT_A_SELECT]
DELETE FROM event
--: dropping [NOT_A_SELECT]
DROP TABLE event
--: dropping a view [NOT_A_SELECT]
DROP VIEW patient CASCADE
--: truncating [NOT_A_SELECT]
TRUNCATE event
--: altering [NOT_A_SELECT]
ALTER TABLE event ADD COLUMN x INTEGER
--: creating a table [NOT_A_SELECT]
CREATE TABLE copy AS SELECT * FROM event
--: creating a temporary table [NOT_A_SELECT]
CREATE TEMP TABLE copy AS SELECT * FROM event
--: creating a temporary view [NOT_A_SELECT]
CREATE OR REPLACE TEMP VIEW patient AS SELECT * FROM source
--: creating a macro [NOT_A_SELECT]
CREATE MACRO f(x) AS (SELECT max(sha256) FROM source)
--: creating a table macro [NOT_A_SELECT]
CREATE MACRO f() AS TABLE SELECT * FROM source
--: creating a type [NOT_A_SELECT]
CREATE TYPE mood AS ENUM ('a', 'b')
--: creating a sequence [NOT_A_SELECT]
CREATE SEQUENCE s
--: creating a secret [NOT_A_SELECT]
CREATE SECRET s (TYPE s3, KEY_ID 'a', SECRET 'b')
--: merging [NOT_A_SELECT]
MERGE INTO patient USING death USING (subject_id) WHEN MATCHED THEN DELETE
--: WITH that writes [NOT_A_SELECT]
WITH gone AS (DELETE FROM event RETURNING *) SELECT * FROM gone
--: WITH before INSERT [NOT_A_SELECT]
WITH x AS (SELECT 1) INSERT INTO store_version SELECT * FROM x
--: SELECT INTO [FORBIDDEN_SYNTAX]
SELECT * INTO copy FROM event
--: FOR UPDATE [FORBIDDEN_SYNTAX]
SELECT * FROM event FOR UPDATE
--: copying out [NOT_A_SELECT]
COPY event TO 'out.csv'
--: copying a query out [NOT_A_SELECT]
COPY (SELECT * FROM event) TO '/tmp/out.parquet' (FORMAT parquet)
--: copying in [NOT_A_SELECT]
COPY event FROM 'in.csv'
--: copying in brackets [UNREADABLE]
SELECT * FROM (COPY event TO 'x')
--: exporting [NOT_A_SELECT]
EXPORT DATABASE '/tmp/x'
--: importing [NOT_A_SELECT]
IMPORT DATABASE '/tmp/x'
--: attaching [NOT_A_SELECT]
ATTACH 'other.duckdb' AS other
--: detaching [NOT_A_SELECT]
DETACH ehr
--: using another database [NOT_A_SELECT]
USE other
--: installing [NOT_A_SELECT]
INSTALL httpfs
--: loading [NOT_A_SELECT]
LOAD httpfs
--: a setting [NOT_A_SELECT]
SET memory_limit = '100GB'
--: resetting [NOT_A_SELECT]
RESET memory_limit
--: a variable [NOT_A_SELECT]
SET VARIABLE x = 1
--: reading a variable [FORBIDDEN_FUNCTION]
SELECT getvariable('x')
--: a pragma [NOT_A_SELECT]
PRAGMA database_list
--: a pragma as a call [NOT_A_SELECT]
PRAGMA table_info('source')
--: calling [NOT_A_SELECT]
CALL pragma_version()
--: checkpoint [NOT_A_SELECT]
CHECKPOINT
--: forced checkpoint [NOT_A_SELECT]
FORCE CHECKPOINT
--: vacuum [NOT_A_SELECT]
VACUUM
--: analysing [NOT_A_SELECT]
ANALYZE
--: preparing [NOT_A_SELECT]
PREPARE p AS SELECT * FROM source
--: executing [NOT_A_SELECT]
EXECUTE p
--: deallocating [NOT_A_SELECT]
DEALLOCATE p
--: a transaction [NOT_A_SELECT]
BEGIN TRANSACTION
--: the end of a transaction [NOT_A_SELECT]
COMMIT
--: going back [NOT_A_SELECT]
ROLLBACK
--: explaining [NOT_A_SELECT]
EXPLAIN SELECT * FROM event
--: running while explaining [NOT_A_SELECT]
EXPLAIN ANALYZE SELECT * FROM event
--: describing [NOT_A_SELECT]
DESCRIBE event
--: describing in FROM [NOT_A_SELECT]
SELECT * FROM (DESCRIBE source)
--: summarizing [NOT_A_SELECT]
SUMMARIZE event
--: summarizing in FROM [NOT_A_SELECT]
SELECT * FROM (SUMMARIZE source)
--: showing [NOT_A_SELECT]
SHOW TABLES
--: showing in FROM [UNREADABLE]
SELECT * FROM (SHOW ALL TABLES)
--: a comment on a table [NOT_A_SELECT]
COMMENT ON TABLE event IS 'x'
--: two statements [SEVERAL_STATEMENTS]
SELECT 1; DROP TABLE event
--: two SELECTs [SEVERAL_STATEMENTS]
SELECT 1; SELECT 2
--: a statement after a comment [SEVERAL_STATEMENTS]
SELECT 1 /* ; */; DELETE FROM event
--: a comment that hides the end of a line [SEVERAL_STATEMENTS]
SELECT 1 --
; DROP TABLE event
--: only a comment [EMPTY_QUERY]
-- nothing
--: nothing at all [EMPTY_QUERY]
;
--: the ledger [FORBIDDEN_TABLE]
SELECT * FROM source
--: refused records with values of patients [FORBIDDEN_TABLE]
SELECT excerpt FROM reject
--: refused records in a subquery [FORBIDDEN_TABLE]
SELECT (SELECT max(excerpt) FROM reject)
--: refused records in EXISTS [FORBIDDEN_TABLE]
SELECT 1 WHERE EXISTS (FROM reject)
--: refused records in a join [FORBIDDEN_TABLE]
SELECT * FROM patient JOIN notice ON true
--: refused records in a set operation [FORBIDDEN_TABLE]
SELECT subject_id FROM patient UNION ALL SELECT line FROM reject
--: refused records in WITH [FORBIDDEN_TABLE]
WITH a AS (SELECT * FROM reject) SELECT * FROM a
--: refused records in a lateral join [FORBIDDEN_TABLE]
SELECT * FROM patient p, LATERAL (SELECT * FROM reject) r
--: refused records in ORDER BY [FORBIDDEN_TABLE]
SELECT 1 FROM patient ORDER BY (SELECT max(excerpt) FROM reject)
--: refused records in a list [FORBIDDEN_TABLE]
SELECT [(SELECT max(excerpt) FROM reject)]
--: refused records in a pivot [FORBIDDEN_TABLE]
SELECT * FROM reject PIVOT (count(*) FOR line IN (1, 2))
--: refused records with TABLE [FORBIDDEN_TABLE]
TABLE reject
--: refused records with FROM first [FORBIDDEN_TABLE]
FROM reject
--: refused records with the schema [FORBIDDEN_TABLE]
SELECT * FROM main.reject
--: refused records with the database [FORBIDDEN_TABLE]
SELECT * FROM ehr.main.reject
--: refused records in quotes [FORBIDDEN_TABLE]
SELECT * FROM "reject"
--: refused records in capitals [FORBIDDEN_TABLE]
SELECT * FROM "ReJeCt"
--: refused records behind a comment [FORBIDDEN_TABLE]
SELECT * FROM/**/reject
--: a WITH name that would hide the forbidden table only outside [FORBIDDEN_TABLE]
SELECT * FROM (WITH reject AS (SELECT 1) SELECT 1) a, reject
--: a WITH name of a forbidden table [FORBIDDEN_NAME]
WITH reject AS (SELECT 1 AS x) SELECT * FROM reject
--: a WITH name with a forbidden table under it [FORBIDDEN_NAME]
WITH source AS (SELECT * FROM source) SELECT * FROM source
--: a WITH name that is a file [FORBIDDEN_NAME]
WITH "x.parquet" AS (SELECT 1) SELECT * FROM "x.parquet"
--: the vocabulary [FORBIDDEN_TABLE]
SELECT * FROM vocabulary
--: the state of the store [FORBIDDEN_TABLE]
SELECT * FROM store_state
--: settings [FORBIDDEN_FUNCTION]
SELECT * FROM duckdb_settings()
--: tables of the engine [FORBIDDEN_FUNCTION]
SELECT * FROM duckdb_tables()
--: columns of the engine [FORBIDDEN_TABLE]
FROM duckdb_columns
--: secrets [FORBIDDEN_FUNCTION]
SELECT * FROM duckdb_secrets()
--: files of the engine [FORBIDDEN_FUNCTION]
FROM duckdb_temporary_files()
--: statements that were run [FORBIDDEN_TABLE]
FROM duckdb_logs
--: information_schema [FORBIDDEN_TABLE]
SELECT * FROM information_schema.tables
--: pg_catalog [FORBIDDEN_TABLE]
SELECT * FROM pg_catalog.pg_class
--: pg_catalog without its name [FORBIDDEN_TABLE]
SELECT * FROM pg_class
--: sqlite_master [FORBIDDEN_TABLE]
SELECT sql FROM sqlite_master
--: system [FORBIDDEN_TABLE]
SELECT * FROM system.information_schema.columns
--: pragma in FROM [FORBIDDEN_FUNCTION]
SELECT * FROM pragma_table_info('source')
--: storage [FORBIDDEN_FUNCTION]
SELECT * FROM pragma_storage_info('event')
--: a CSV file [FORBIDDEN_FUNCTION]
SELECT * FROM read_csv('/etc/passwd')
--: a CSV file by its old name [FORBIDDEN_FUNCTION]
SELECT * FROM read_csv_auto('/etc/passwd')
--: a text file [FORBIDDEN_FUNCTION]
SELECT content FROM read_text('/etc/passwd')
--: a binary file [FORBIDDEN_FUNCTION]
SELECT * FROM read_blob('/etc/passwd')
--: a JSON file [FORBIDDEN_FUNCTION]
SELECT * FROM read_json('/etc/passwd')
--: a Parquet file [FORBIDDEN_FUNCTION]
SELECT * FROM read_parquet('x.parquet')
--: a Parquet file by another name [FORBIDDEN_FUNCTION]
SELECT * FROM parquet_scan('x.parquet')
--: metadata of a file [FORBIDDEN_FUNCTION]
SELECT * FROM parquet_metadata('x.parquet')
--: a file by its path [FORBIDDEN_TABLE]
SELECT * FROM 'x.parquet'
--: a file by its path in quotes [FORBIDDEN_TABLE]
SELECT * FROM "/etc/passwd"
--: a file on the network [FORBIDDEN_TABLE]
SELECT * FROM 'https://example.org/x.csv'
--: a list of files [UNREADABLE]
SELECT * FROM ['a.parquet', 'b.parquet']
--: files of a folder [FORBIDDEN_FUNCTION]
SELECT * FROM glob('/*')
--: sniffing [FORBIDDEN_FUNCTION]
FROM sniff_csv('/etc/passwd')
--: another database file [FORBIDDEN_FUNCTION]
SELECT * FROM read_duckdb('x.duckdb')
--: the environment [FORBIDDEN_FUNCTION]
SELECT getenv('HOME')
--: a setting by its name [FORBIDDEN_FUNCTION]
SELECT current_setting('secret_directory')
--: the version of the engine [FORBIDDEN_FUNCTION]
SELECT version()
--: the user [FORBIDDEN_FUNCTION]
SELECT current_user
--: the session [FORBIDDEN_FUNCTION]
SELECT session_user
--: the database [FORBIDDEN_FUNCTION]
SELECT current_database()
--: the schemas [FORBIDDEN_FUNCTION]
SELECT current_schemas(true)
--: text as a query [FORBIDDEN_FUNCTION]
SELECT * FROM query('SELECT * FROM source')
--: text as a table [FORBIDDEN_FUNCTION]
SELECT * FROM query_table('source')
--: a table macro of the engine that reads any table [FORBIDDEN_FUNCTION]
SELECT * FROM histogram(source, sha256)
--: a serialized plan [FORBIDDEN_FUNCTION]
SELECT * FROM json_execute_serialized_sql('{}')
--: serializing [FORBIDDEN_FUNCTION]
SELECT json_serialize_sql('SELECT 1')
--: a forbidden function by a method chain [FORBIDDEN_FUNCTION]
SELECT 'HOME'.getenv()
--: a forbidden function in a lambda [FORBIDDEN_FUNCTION]
SELECT list_transform(['HOME'], lambda x: getenv(x))
--: a forbidden function in a structure [FORBIDDEN_FUNCTION]
SELECT {'a': current_setting('threads')}.a
--: a forbidden function with a schema [FORBIDDEN_FUNCTION]
SELECT main.current_setting('threads')
--: a forbidden function in quotes [FORBIDDEN_FUNCTION]
SELECT "current_setting"('threads')
--: a forbidden function in an order [FORBIDDEN_FUNCTION]
SELECT 1 ORDER BY current_setting('threads')
--: a forbidden function in a default of a window [FORBIDDEN_FUNCTION]
SELECT lag(1, 1, current_setting('threads')) OVER ()
--: a forbidden function in a filter [FORBIDDEN_FUNCTION]
SELECT count(*) FILTER (WHERE current_setting('threads') = '1') FROM patient
--: a forbidden function in a limit [FORBIDDEN_FUNCTION]
SELECT 1 LIMIT current_setting('threads')::INTEGER
--: a forbidden function in COLUMNS [FORBIDDEN_FUNCTION]
SELECT COLUMNS(lambda c: c = current_setting('threads')) FROM patient
--: a table function where a value belongs [FORBIDDEN_FUNCTION]
SELECT read_text('/etc/passwd')
--: a table function in a list [FORBIDDEN_FUNCTION]
SELECT unnest(read_text('/etc/passwd'))
--: a sequence [FORBIDDEN_FUNCTION]
SELECT nextval('s')
--: waiting [FORBIDDEN_FUNCTION]
SELECT sleep_ms(100000)
--: failing at will [FORBIDDEN_FUNCTION]
SELECT error('x')
--: writing to the log [FORBIDDEN_FUNCTION]
SELECT write_log('x')
--: a seed for everybody [FORBIDDEN_FUNCTION]
SELECT setseed(0.5)
--: an enormous text [FORBIDDEN_FUNCTION]
SELECT repeat('x', 4000000000)
--: an enormous list [BAD_ARGUMENT]
SELECT range(10000000000)
--: an enormous list by a computed length [BAD_ARGUMENT]
SELECT range(100000 * 100000)
--: an enormous list by a method chain [BAD_ARGUMENT]
SELECT n.range() FROM (SELECT 10000000000 AS n)
--: an enormous padding by a method chain [BAD_ARGUMENT]
SELECT 'x'.lpad(2000000000, 'y')
--: an enormous padding [BAD_ARGUMENT]
SELECT lpad('x', 2000000000, 'y')
--: an enormous list by resizing [FORBIDDEN_FUNCTION]
SELECT list_resize([1], 2000000000)
--: an enormous format [FORBIDDEN_FUNCTION]
SELECT format('{:>2000000000}', 'x')
--: a parameter [PARAMETER]
SELECT ?
--: a numbered parameter [PARAMETER]
SELECT $1
--: a named parameter [PARAMETER]
SELECT $name
--: a column by position [FORBIDDEN_SYNTAX]
SELECT #1 FROM patient
--: an older version [FORBIDDEN_SYNTAX]
SELECT * FROM patient AT (VERSION => 1)
--: a pivot that creates a type [UNLISTED_PIVOT]
PIVOT encounter ON class USING count(*)
--: a pivot over a query of values [FORBIDDEN_TABLE]
SELECT * FROM encounter PIVOT (count(*) FOR class IN (SELECT excerpt FROM reject))
--: a letter that looks like another [UNKNOWN_TABLE]
SELECT * FROM еvent
--: wide letters [UNKNOWN_TABLE]
SELECT * FROM ｅｖｅｎｔ
--: a zero-width space in a name [FORBIDDEN_TABLE]
SELECT * FROM re​ject
--: an unknown table [UNKNOWN_TABLE]
SELECT * FROM events
--: an unknown column [UNKNOWN_COLUMN]
SELECT diagnosis FROM patient
--: an unknown alias [UNKNOWN_COLUMN]
SELECT x.sex FROM patient p
--: an unfinished string [UNREADABLE]
SELECT 'abc
--: an unfinished bracket [UNREADABLE]
SELECT (1
--: no statement at all [NOT_A_SELECT]
hello world
--: hidden at the end of a dollar quote [SEVERAL_STATEMENTS]
SELECT $a$ $a$; DROP TABLE event; SELECT $a$ $a$
--: hidden behind an escaped quote [SEVERAL_STATEMENTS]
SELECT '\'; DROP TABLE event; --'
--: hidden behind a quoted name [SEVERAL_STATEMENTS]
SELECT 1 AS "a"; DROP TABLE event; --"
--: a handle for later [NOT_A_SELECT]
DECLARE c CURSOR FOR SELECT * FROM source
--: granting [NOT_A_SELECT]
GRANT ALL ON event TO public
--: a listener [NOT_A_SELECT]
LISTEN x
--: the table behind descends_from [FORBIDDEN_TABLE]
SELECT * FROM code_ancestor
--: the loaded hierarchy [FORBIDDEN_TABLE]
SELECT * FROM main.hierarchy
--: a WITH in the place of the table behind descends_from [FORBIDDEN_NAME]
WITH code_ancestor AS (SELECT 'a' AS code, 'b' AS ancestor) SELECT 1 FROM event WHERE descends_from(code, 'ICD10//E11')
--: descends_from with a concept that is computed [BAD_ARGUMENT]
SELECT 1 FROM event WHERE descends_from(code, (SELECT max(sha256) FROM source))
--: descends_from with a concept of a column [BAD_ARGUMENT]
SELECT 1 FROM event WHERE descends_from(code, unit)
--: descends_from with a concept put together [BAD_ARGUMENT]
SELECT 1 FROM event WHERE descends_from(code, 'ICD10//' || 'E11')
--: descends_from without a concept [BAD_ARGUMENT]
SELECT 1 FROM event WHERE descends_from(code)
--: descends_from without anything [BAD_ARGUMENT]
SELECT descends_from()
--: descends_from of a computed code [BAD_ARGUMENT]
SELECT descends_from((SELECT max(file) FROM source), 'ICD10//E11')
--: descends_from of a written code [BAD_ARGUMENT]
SELECT descends_from('DIAGNOSIS//ICD//10//E119', 'ICD10//E11')
--: descends_from chained [BAD_ARGUMENT]
SELECT code.descends_from('ICD10//E11') FROM event
--: descends_from of another schema [BAD_ARGUMENT]
SELECT main.descends_from(code, 'ICD10//E11') FROM event
--: descends_from as a table [FORBIDDEN_FUNCTION]
SELECT * FROM descends_from('event', 'ICD10//E11')
--: descends_from as a window [BAD_ARGUMENT]
SELECT descends_from(code, 'ICD10//E11') OVER () FROM event
--: descends_from on a forbidden table [FORBIDDEN_TABLE]
SELECT 1 FROM source WHERE descends_from(file, 'ICD10//E11')
--: a quote that would leave descends_from [SEVERAL_STATEMENTS]
SELECT 1 FROM event WHERE descends_from(code, 'ICD10//E11'); DROP TABLE event; --')
--: descends_from behind a parameter [BAD_ARGUMENT]
SELECT 1 FROM event WHERE descends_from(code, $1)
--: refused records by names in quotes [FORBIDDEN_TABLE]
SELECT * FROM "main"."reject"
--: refused records by the database alone [FORBIDDEN_TABLE]
SELECT * FROM ehr.reject
--: refused records in VALUES [FORBIDDEN_TABLE]
SELECT * FROM (VALUES ((SELECT max(excerpt) FROM reject))) v(a)
--: refused records in a lambda [FORBIDDEN_TABLE]
SELECT list_transform([1], lambda x: (SELECT max(excerpt) FROM reject))
--: refused records in QUALIFY [FORBIDDEN_TABLE]
SELECT 1 FROM patient QUALIFY row_number() OVER () = (SELECT count(*) FROM reject)
--: refused records in GROUP BY [FORBIDDEN_TABLE]
SELECT count(*) FROM patient GROUP BY (SELECT max(excerpt) FROM reject)
--: refused records in HAVING [FORBIDDEN_TABLE]
SELECT sex FROM patient GROUP BY sex HAVING count(*) > (SELECT count(*) FROM reject)
--: refused records in a limit [FORBIDDEN_TABLE]
SELECT 1 FROM patient LIMIT (SELECT count(*) FROM reject)
--: refused records in an offset [FORBIDDEN_TABLE]
SELECT 1 FROM patient OFFSET (SELECT count(*) FROM reject)
--: refused records in the frame of a window [FORBIDDEN_TABLE]
SELECT count(*) OVER (ORDER BY subject_id ROWS BETWEEN (SELECT count(*) FROM reject) PRECEDING AND CURRENT ROW) FROM patient
--: refused records in a named window [FORBIDDEN_TABLE]
SELECT row_number() OVER w FROM patient WINDOW w AS (ORDER BY (SELECT max(excerpt) FROM reject))
--: refused records in an unpivot [FORBIDDEN_TABLE]
UNPIVOT reject ON line INTO NAME what VALUE n
--: refused records in a sample [FORBIDDEN_TABLE]
FROM reject TABLESAMPLE 10%
--: refused records as a row [FORBIDDEN_TABLE]
SELECT reject FROM reject
--: refused records in an ASOF join [FORBIDDEN_TABLE]
SELECT 1 FROM encounter e ASOF JOIN source s ON e.start_time >= s.imported_at
--: refused records in a positional join [FORBIDDEN_TABLE]
SELECT * FROM patient POSITIONAL JOIN source
--: refused records in a semi join [FORBIDDEN_TABLE]
SELECT * FROM patient SEMI JOIN source ON true
--: refused records by TABLE in brackets [FORBIDDEN_TABLE]
SELECT (TABLE reject)
--: refused records in a recursive WITH [FORBIDDEN_TABLE]
WITH RECURSIVE t(n) AS (SELECT 1 UNION ALL SELECT line FROM reject) SELECT * FROM t
--: refused records in WITH within WITH [FORBIDDEN_TABLE]
WITH a AS (WITH b AS (FROM reject) FROM b) FROM a
--: refused records in a materialized WITH [FORBIDDEN_TABLE]
WITH a AS MATERIALIZED (FROM reject) SELECT 1
--: refused records in WITH that nobody reads [FORBIDDEN_TABLE]
WITH a AS (SELECT max(excerpt) FROM reject) SELECT 1
--: refused records in CASE [FORBIDDEN_TABLE]
SELECT CASE WHEN (SELECT count(*) FROM reject) > 0 THEN 1 END
--: refused records in ANY [FORBIDDEN_TABLE]
SELECT 1 WHERE 'a' = ANY (SELECT excerpt FROM reject)
--: refused records in IN [FORBIDDEN_TABLE]
SELECT 1 FROM patient WHERE subject_id IN (SELECT line FROM reject)
--: refused records in ON [FORBIDDEN_TABLE]
SELECT 1 FROM patient a JOIN patient b ON a.subject_id = (SELECT max(line) FROM reject)
--: refused records in a comprehension [FORBIDDEN_TABLE]
SELECT [x FOR x IN [1, 2] IF x > (SELECT count(*) FROM reject)]
--: refused records in REPLACE [FORBIDDEN_TABLE]
SELECT * REPLACE ((SELECT max(excerpt) FROM reject) AS sex) FROM patient
--: refused records behind EXCEPT [FORBIDDEN_TABLE]
SELECT excerpt FROM reject EXCEPT SELECT sex FROM patient
--: refused records by INTERSECT [FORBIDDEN_TABLE]
SELECT sex FROM patient INTERSECT SELECT excerpt FROM reject
--: refused records after a line of comment [FORBIDDEN_TABLE]
SELECT * FROM -- event
reject
--: the events by the other order [FORBIDDEN_TABLE]
SELECT * FROM event_by_code
--: the identifiers of patients [FORBIDDEN_COLUMN]
SELECT identifiers FROM patient
--: the identifiers by an alias [FORBIDDEN_COLUMN]
SELECT p.identifiers FROM patient p
--: the identifiers by the name of the table [FORBIDDEN_COLUMN]
SELECT subject.identifiers FROM subject
--: the identifiers of stays [FORBIDDEN_COLUMN]
SELECT encounter_id, encounter.identifiers FROM encounter
--: the identifiers in WITH [FORBIDDEN_COLUMN]
WITH a AS (SELECT identifiers FROM subject) FROM a
--: the identifiers in an order [FORBIDDEN_COLUMN]
SELECT subject_id FROM patient ORDER BY identifiers
--: the identifiers as text [FORBIDDEN_COLUMN]
SELECT array_to_string(identifiers, ',') FROM patient
--: deleting in brackets [UNREADABLE]
(DELETE FROM event)
--: inserting in FROM [UNREADABLE]
SELECT * FROM (INSERT INTO event VALUES (1) RETURNING *)
--: updating in WITH [NOT_A_SELECT]
WITH a AS (UPDATE event SET code = 'x' RETURNING *) SELECT * FROM a
--: inserting in WITH [NOT_A_SELECT]
WITH a AS (INSERT INTO event SELECT * FROM event RETURNING *) SELECT * FROM a
--: a statement after many comments [NOT_A_SELECT]
/* a */ -- b
DELETE FROM event
--: a statement before FROM first [NOT_A_SELECT]
INSERT INTO event BY NAME FROM event
--: replacing [NOT_A_SELECT]
REPLACE INTO event SELECT * FROM event
--: renaming [NOT_A_SELECT]
ALTER TABLE event RENAME TO gone
--: dropping everything [NOT_A_SELECT]
DROP SCHEMA main CASCADE
--: creating a schema [NOT_A_SELECT]
CREATE SCHEMA other
--: creating an index [NOT_A_SELECT]
CREATE INDEX i ON event (code)
--: a table of SQLite [FORBIDDEN_FUNCTION]
SELECT * FROM sqlite_scan('x.db', 'y')
--: a table of PostgreSQL [FORBIDDEN_FUNCTION]
SELECT * FROM postgres_scan('host=x', 'public', 'y')
--: a spreadsheet [FORBIDDEN_FUNCTION]
SELECT * FROM read_xlsx('x.xlsx')
--: a JSON file by another name [FORBIDDEN_FUNCTION]
FROM read_ndjson_auto('x.json')
--: the schema of a file [FORBIDDEN_FUNCTION]
FROM parquet_schema('x.parquet')
--: a frame of the program [FORBIDDEN_FUNCTION]
FROM arrow_scan(1, 2, 3)
--: another frame of the program [FORBIDDEN_FUNCTION]
FROM pandas_scan(1)
--: a scan by its inner name [FORBIDDEN_FUNCTION]
FROM seq_scan('reject')
--: extensions [FORBIDDEN_FUNCTION]
FROM duckdb_extensions()
--: functions of the engine [FORBIDDEN_FUNCTION]
SELECT * FROM duckdb_functions()
--: the secret of a path [FORBIDDEN_FUNCTION]
FROM which_secret('s3://a', 's3')
--: sizes of the database [FORBIDDEN_FUNCTION]
FROM pragma_database_size()
--: a checkpoint as a function [FORBIDDEN_FUNCTION]
FROM checkpoint()
--: all types [FORBIDDEN_FUNCTION]
FROM test_all_types()
--: a table macro without brackets of its own [FORBIDDEN_FUNCTION]
SELECT * FROM summary(patient)
--: a query of a method chain [FORBIDDEN_FUNCTION]
SELECT 'SELECT 1'.query()
--: the text of the query [FORBIDDEN_FUNCTION]
SELECT current_query()
--: the number of the transaction [FORBIDDEN_FUNCTION]
SELECT txid_current()
--: the last of a sequence [FORBIDDEN_FUNCTION]
SELECT currval('s')
--: a resized array [FORBIDDEN_FUNCTION]
SELECT array_resize([1], 4000000000)
--: an enormous text by printf [FORBIDDEN_FUNCTION]
SELECT printf('%2000000000d', 1)
--: an enormous bar [FORBIDDEN_FUNCTION]
SELECT bar(1, 0, 1, 2000000000)
--: an enormous bit string [FORBIDDEN_FUNCTION]
SELECT bitstring('1', 2000000000)
--: rights of roles [FORBIDDEN_FUNCTION]
SELECT has_table_privilege('reject', 'select')
--: indexes of another function [FORBIDDEN_FUNCTION]
SELECT generate_subscripts([1], 1)
--: a forbidden function in a table function [FORBIDDEN_FUNCTION]
SELECT * FROM range(current_setting('threads')::INTEGER)
--: a forbidden function in unnest [FORBIDDEN_FUNCTION]
SELECT * FROM unnest([getenv('HOME')])
--: a forbidden function in VALUES [FORBIDDEN_FUNCTION]
VALUES (getenv('HOME'))
--: a forbidden function in a partition [FORBIDDEN_FUNCTION]
SELECT count(*) OVER (PARTITION BY getenv('HOME')) FROM patient
--: a forbidden function in an ordered aggregate [FORBIDDEN_FUNCTION]
SELECT list(sex ORDER BY getenv('HOME')) FROM patient
--: a forbidden function in a pivot [FORBIDDEN_FUNCTION]
SELECT * FROM (SELECT class FROM encounter) PIVOT (max(getenv('HOME')) FOR class IN ('icu'))
--: a forbidden function in a sort by everything [FORBIDDEN_FUNCTION]
SELECT getenv('HOME') AS h ORDER BY ALL
--: a forbidden function in the exclusion of columns [FORBIDDEN_FUNCTION]
SELECT * REPLACE (getenv('HOME') AS sex) FROM patient
--: a forbidden function by the full name of it [FORBIDDEN_FUNCTION]
SELECT system.main.getenv('HOME')
--: a forbidden table function by the full name of it [FORBIDDEN_FUNCTION]
SELECT * FROM main.read_text('/etc/passwd')
--: a forbidden window function [FORBIDDEN_FUNCTION]
SELECT getenv('HOME') OVER () FROM patient
--: a forbidden function in TRY [FORBIDDEN_FUNCTION]
SELECT TRY(getenv('HOME'))
--: a pivot without values in FROM [UNLISTED_PIVOT]
FROM encounter PIVOT (count(*) FOR class IN ANY)
--: several pivots of which one lists none [UNLISTED_PIVOT]
PIVOT encounter ON class IN ('icu'), disposition USING count(*)
--: an unfinished comment [UNREADABLE]
SELECT 1 /* and so on
--: an unfinished name [UNREADABLE]
SELECT "abc FROM patient
--: an unfinished dollar quote [UNREADABLE]
SELECT $a$ abc
--: nothing after FROM [UNREADABLE]
SELECT count(*) FROM
--: nothing after AND [UNREADABLE]
SELECT 1 FROM patient WHERE died AND
--: a bracket too many [UNREADABLE]
SELECT 1)
--: a statement after a semicolon and a comment [SEVERAL_STATEMENTS]
SELECT 1; -- and
SELECT 2
--: a command of the shell [NOT_A_SELECT]
.tables
--: a file with a percent sign [FORBIDDEN_TABLE]
FROM '%2Fetc%2Fpasswd'
--: a folder above [FORBIDDEN_TABLE]
FROM '../other/ehr.duckdb'
--: a file by a pattern [FORBIDDEN_TABLE]
FROM '*.csv'
--: a table of another attached file [FORBIDDEN_TABLE]
FROM memory.main.x
--: a temporary table [FORBIDDEN_TABLE]
FROM temp.main.x
--: a WITH named as the engine's tables are [FORBIDDEN_NAME]
WITH sqlite_master AS (SELECT 1) FROM sqlite_master
--: a WITH named as a schema of the engine [FORBIDDEN_NAME]
WITH "information_schema.tables" AS (SELECT 1) SELECT 1
--: age_at over the ledger [FORBIDDEN_TABLE]
SELECT age_at(subject_id, (SELECT max(imported_at) FROM source)) FROM patient
--: a recursion with a key of its own [FORBIDDEN_TABLE]
WITH RECURSIVE t(n) USING KEY (n) AS (SELECT 1 UNION SELECT line FROM reject) FROM t
