--: writing
INSERT INTO event SELECT * FROM event
--: changing
UPDATE patient SET sex = 'x'
--: deleting
DELETE FROM event
--: dropping
DROP TABLE event
--: dropping a view
DROP VIEW patient CASCADE
--: truncating
TRUNCATE event
--: altering
ALTER TABLE event ADD COLUMN x INTEGER
--: creating a table
CREATE TABLE copy AS SELECT * FROM event
--: creating a temporary table
CREATE TEMP TABLE copy AS SELECT * FROM event
--: creating a temporary view
CREATE OR REPLACE TEMP VIEW patient AS SELECT * FROM source
--: creating a macro
CREATE MACRO f(x) AS (SELECT max(sha256) FROM source)
--: creating a table macro
CREATE MACRO f() AS TABLE SELECT * FROM source
--: creating a type
CREATE TYPE mood AS ENUM ('a', 'b')
--: creating a sequence
CREATE SEQUENCE s
--: creating a secret
CREATE SECRET s (TYPE s3, KEY_ID 'a', SECRET 'b')
--: merging
MERGE INTO patient USING death USING (subject_id) WHEN MATCHED THEN DELETE
--: WITH that writes
WITH gone AS (DELETE FROM event RETURNING *) SELECT * FROM gone
--: WITH before INSERT
WITH x AS (SELECT 1) INSERT INTO store_version SELECT * FROM x
--: SELECT INTO
SELECT * INTO copy FROM event
--: FOR UPDATE
SELECT * FROM event FOR UPDATE
--: copying out
COPY event TO 'out.csv'
--: copying a query out
COPY (SELECT * FROM event) TO '/tmp/out.parquet' (FORMAT parquet)
--: copying in
COPY event FROM 'in.csv'
--: copying in brackets
SELECT * FROM (COPY event TO 'x')
--: exporting
EXPORT DATABASE '/tmp/x'
--: importing
IMPORT DATABASE '/tmp/x'
--: attaching
ATTACH 'other.duckdb' AS other
--: detaching
DETACH ehr
--: using another database
USE other
--: installing
INSTALL httpfs
--: loading
LOAD httpfs
--: a setting
SET memory_limit = '100GB'
--: resetting
RESET memory_limit
--: a variable
SET VARIABLE x = 1
--: reading a variable
SELECT getvariable('x')
--: a pragma
PRAGMA database_list
--: a pragma as a call
PRAGMA table_info('source')
--: calling
CALL pragma_version()
--: checkpoint
CHECKPOINT
--: forced checkpoint
FORCE CHECKPOINT
--: vacuum
VACUUM
--: analysing
ANALYZE
--: preparing
PREPARE p AS SELECT * FROM source
--: executing
EXECUTE p
--: deallocating
DEALLOCATE p
--: a transaction
BEGIN TRANSACTION
--: the end of a transaction
COMMIT
--: going back
ROLLBACK
--: explaining
EXPLAIN SELECT * FROM event
--: running while explaining
EXPLAIN ANALYZE SELECT * FROM event
--: describing
DESCRIBE event
--: describing in FROM
SELECT * FROM (DESCRIBE source)
--: summarizing
SUMMARIZE event
--: summarizing in FROM
SELECT * FROM (SUMMARIZE source)
--: showing
SHOW TABLES
--: showing in FROM
SELECT * FROM (SHOW ALL TABLES)
--: a comment on a table
COMMENT ON TABLE event IS 'x'
--: two statements
SELECT 1; DROP TABLE event
--: two SELECTs
SELECT 1; SELECT 2
--: a statement after a comment
SELECT 1 /* ; */; DELETE FROM event
--: a comment that hides the end of a line
SELECT 1 --
; DROP TABLE event
--: only a comment
-- nothing
--: nothing at all
;
--: the ledger
SELECT * FROM source
--: refused records with values of patients
SELECT excerpt FROM reject
--: refused records in a subquery
SELECT (SELECT max(excerpt) FROM reject)
--: refused records in EXISTS
SELECT 1 WHERE EXISTS (FROM reject)
--: refused records in a join
SELECT * FROM patient JOIN notice ON true
--: refused records in a set operation
SELECT subject_id FROM patient UNION ALL SELECT line FROM reject
--: refused records in WITH
WITH a AS (SELECT * FROM reject) SELECT * FROM a
--: refused records in a lateral join
SELECT * FROM patient p, LATERAL (SELECT * FROM reject) r
--: refused records in ORDER BY
SELECT 1 FROM patient ORDER BY (SELECT max(excerpt) FROM reject)
--: refused records in a list
SELECT [(SELECT max(excerpt) FROM reject)]
--: refused records in a pivot
SELECT * FROM reject PIVOT (count(*) FOR line IN (1, 2))
--: refused records with TABLE
TABLE reject
--: refused records with FROM first
FROM reject
--: refused records with the schema
SELECT * FROM main.reject
--: refused records with the database
SELECT * FROM ehr.main.reject
--: refused records in quotes
SELECT * FROM "reject"
--: refused records in capitals
SELECT * FROM "ReJeCt"
--: refused records behind a comment
SELECT * FROM/**/reject
--: a WITH name that would hide the forbidden table only outside
SELECT * FROM (WITH reject AS (SELECT 1) SELECT 1) a, reject
--: a WITH name of a forbidden table
WITH reject AS (SELECT 1 AS x) SELECT * FROM reject
--: a WITH name with a forbidden table under it
WITH source AS (SELECT * FROM source) SELECT * FROM source
--: a WITH name that is a file
WITH "x.parquet" AS (SELECT 1) SELECT * FROM "x.parquet"
--: the vocabulary
SELECT * FROM vocabulary
--: the version of the schema
SELECT * FROM store_version
--: settings
SELECT * FROM duckdb_settings()
--: tables of the engine
SELECT * FROM duckdb_tables()
--: columns of the engine
FROM duckdb_columns
--: secrets
SELECT * FROM duckdb_secrets()
--: files of the engine
FROM duckdb_temporary_files()
--: statements that were run
FROM duckdb_logs
--: information_schema
SELECT * FROM information_schema.tables
--: pg_catalog
SELECT * FROM pg_catalog.pg_class
--: pg_catalog without its name
SELECT * FROM pg_class
--: sqlite_master
SELECT sql FROM sqlite_master
--: system
SELECT * FROM system.information_schema.columns
--: pragma in FROM
SELECT * FROM pragma_table_info('source')
--: storage
SELECT * FROM pragma_storage_info('event')
--: a CSV file
SELECT * FROM read_csv('/etc/passwd')
--: a CSV file by its old name
SELECT * FROM read_csv_auto('/etc/passwd')
--: a text file
SELECT content FROM read_text('/etc/passwd')
--: a binary file
SELECT * FROM read_blob('/etc/passwd')
--: a JSON file
SELECT * FROM read_json('/etc/passwd')
--: a Parquet file
SELECT * FROM read_parquet('x.parquet')
--: a Parquet file by another name
SELECT * FROM parquet_scan('x.parquet')
--: metadata of a file
SELECT * FROM parquet_metadata('x.parquet')
--: a file by its path
SELECT * FROM 'x.parquet'
--: a file by its path in quotes
SELECT * FROM "/etc/passwd"
--: a file on the network
SELECT * FROM 'https://example.org/x.csv'
--: a list of files
SELECT * FROM ['a.parquet', 'b.parquet']
--: files of a folder
SELECT * FROM glob('/*')
--: sniffing
FROM sniff_csv('/etc/passwd')
--: another database file
SELECT * FROM read_duckdb('x.duckdb')
--: the environment
SELECT getenv('HOME')
--: a setting by its name
SELECT current_setting('secret_directory')
--: the version of the engine
SELECT version()
--: the user
SELECT current_user
--: the session
SELECT session_user
--: the database
SELECT current_database()
--: the schemas
SELECT current_schemas(true)
--: text as a query
SELECT * FROM query('SELECT * FROM source')
--: text as a table
SELECT * FROM query_table('source')
--: a table macro of the engine that reads any table
SELECT * FROM histogram(source, sha256)
--: a serialized plan
SELECT * FROM json_execute_serialized_sql('{}')
--: serializing
SELECT json_serialize_sql('SELECT 1')
--: a forbidden function by a method chain
SELECT 'HOME'.getenv()
--: a forbidden function in a lambda
SELECT list_transform(['HOME'], lambda x: getenv(x))
--: a forbidden function in a structure
SELECT {'a': current_setting('threads')}.a
--: a forbidden function with a schema
SELECT main.current_setting('threads')
--: a forbidden function in quotes
SELECT "current_setting"('threads')
--: a forbidden function in an order
SELECT 1 ORDER BY current_setting('threads')
--: a forbidden function in a default of a window
SELECT lag(1, 1, current_setting('threads')) OVER ()
--: a forbidden function in a filter
SELECT count(*) FILTER (WHERE current_setting('threads') = '1') FROM patient
--: a forbidden function in a limit
SELECT 1 LIMIT current_setting('threads')::INTEGER
--: a forbidden function in COLUMNS
SELECT COLUMNS(lambda c: c = current_setting('threads')) FROM patient
--: a table function where a value belongs
SELECT read_text('/etc/passwd')
--: a table function in a list
SELECT unnest(read_text('/etc/passwd'))
--: a sequence
SELECT nextval('s')
--: waiting
SELECT sleep_ms(100000)
--: failing at will
SELECT error('x')
--: writing to the log
SELECT write_log('x')
--: a seed for everybody
SELECT setseed(0.5)
--: an enormous text
SELECT repeat('x', 4000000000)
--: an enormous list
SELECT range(10000000000)
--: an enormous list by a computed length
SELECT range(100000 * 100000)
--: an enormous list by a method chain
SELECT n.range() FROM (SELECT 10000000000 AS n)
--: an enormous padding by a method chain
SELECT 'x'.lpad(2000000000, 'y')
--: an enormous padding
SELECT lpad('x', 2000000000, 'y')
--: an enormous list by resizing
SELECT list_resize([1], 2000000000)
--: an enormous format
SELECT format('{:>2000000000}', 'x')
--: a parameter
SELECT ?
--: a numbered parameter
SELECT $1
--: a named parameter
SELECT $name
--: a column by position
SELECT #1 FROM patient
--: an older version
SELECT * FROM patient AT (VERSION => 1)
--: a pivot that creates a type
PIVOT encounter ON class USING count(*)
--: a pivot over a query of values
SELECT * FROM encounter PIVOT (count(*) FOR class IN (SELECT excerpt FROM reject))
--: a letter that looks like another
SELECT * FROM еvent
--: wide letters
SELECT * FROM ｅｖｅｎｔ
--: a zero-width space in a name
SELECT * FROM re​ject
--: an unknown table
SELECT * FROM events
--: an unknown column
SELECT diagnosis FROM patient
--: an unknown alias
SELECT x.sex FROM patient p
--: an unfinished string
SELECT 'abc
--: an unfinished bracket
SELECT (1
--: no statement at all
hello world
--: hidden at the end of a dollar quote
SELECT $a$ $a$; DROP TABLE event; SELECT $a$ $a$
--: hidden behind an escaped quote
SELECT '\'; DROP TABLE event; --'
--: hidden behind a quoted name
SELECT 1 AS "a"; DROP TABLE event; --"
--: a handle for later
DECLARE c CURSOR FOR SELECT * FROM source
--: granting
GRANT ALL ON event TO public
--: a listener
LISTEN x
--: the table behind descends_from
SELECT * FROM code_ancestor
--: the loaded hierarchy
SELECT * FROM main.hierarchy
--: a WITH in the place of the table behind descends_from
WITH code_ancestor AS (SELECT 'a' AS code, 'b' AS ancestor) SELECT 1 FROM event WHERE descends_from(code, 'ICD10//E11')
--: descends_from with a concept that is computed
SELECT 1 FROM event WHERE descends_from(code, (SELECT max(sha256) FROM source))
--: descends_from with a concept of a column
SELECT 1 FROM event WHERE descends_from(code, unit)
--: descends_from with a concept put together
SELECT 1 FROM event WHERE descends_from(code, 'ICD10//' || 'E11')
--: descends_from without a concept
SELECT 1 FROM event WHERE descends_from(code)
--: descends_from without anything
SELECT descends_from()
--: descends_from of a computed code
SELECT descends_from((SELECT max(file) FROM source), 'ICD10//E11')
--: descends_from of a written code
SELECT descends_from('DIAGNOSIS//ICD//10//E119', 'ICD10//E11')
--: descends_from chained
SELECT code.descends_from('ICD10//E11') FROM event
--: descends_from of another schema
SELECT main.descends_from(code, 'ICD10//E11') FROM event
--: descends_from as a table
SELECT * FROM descends_from('event', 'ICD10//E11')
--: descends_from as a window
SELECT descends_from(code, 'ICD10//E11') OVER () FROM event
--: descends_from on a forbidden table
SELECT 1 FROM source WHERE descends_from(file, 'ICD10//E11')
--: a quote that would leave descends_from
SELECT 1 FROM event WHERE descends_from(code, 'ICD10//E11'); DROP TABLE event; --')
--: descends_from behind a parameter
SELECT 1 FROM event WHERE descends_from(code, $1)
