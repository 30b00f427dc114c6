--: how many patients
SELECT count(*) FROM patient
--: FROM first
FROM patient
--: FROM first with a choice of columns
FROM encounter SELECT encounter_id, class ORDER BY encounter_id
--: TABLE
TABLE death
--: VALUES
VALUES (1, 'a'), (2, 'b')
--: patients by sex
SELECT sex, count(*) AS patients FROM patient GROUP BY sex ORDER BY patients DESC, sex
--: deaths by sex
SELECT sex, count(*) AS n, count(*) FILTER (WHERE died) AS deaths FROM patient GROUP BY ALL ORDER BY ALL
--: filter without WHERE
SELECT count(*) FILTER (sex = 'female') AS women FROM patient
--: age at death
SELECT subject_id, date_diff('year', birth_time, death_time) AS age FROM death ORDER BY subject_id
--: age band
SELECT floor(date_diff('year', birth_time, DATE '2150-01-01') / 10) * 10 AS decade, count(*) AS n FROM patient GROUP BY decade ORDER BY decade
--: integer division
SELECT date_diff('year', birth_time, DATE '2150-01-01') // 10 AS decade, count(*) AS n FROM patient GROUP BY 1 ORDER BY 1
--: born in a leap year
SELECT subject_id FROM patient WHERE year(birth_time) % 4 = 0 ORDER BY subject_id
--: encounters by class
SELECT class, count(*) AS n, count(DISTINCT subject_id) AS patients FROM encounter GROUP BY class ORDER BY n DESC, class
--: median stay
SELECT class, median(date_diff('hour', start_time, end_time)) AS hours FROM encounter GROUP BY class ORDER BY class
--: length of stay in days
SELECT encounter_id, round(epoch(end_time - start_time) / 86400, 2) AS days FROM encounter WHERE class = 'inpatient' ORDER BY days DESC, encounter_id LIMIT 5
--: quartiles of the stay
SELECT quantile_cont(epoch(end_time) - epoch(start_time), [0.25, 0.5, 0.75]) AS quartiles FROM encounter WHERE class = 'inpatient'
--: discrete quantile
SELECT quantile_disc(date_diff('day', start_time, end_time), 0.9) FROM encounter
--: deaths in hospital
SELECT count(*) FROM encounter WHERE class = 'inpatient' AND disposition = 'DIED'
--: admissions by weekday
SELECT dayname(start_time) AS weekday, count(*) AS n FROM encounter GROUP BY weekday ORDER BY n DESC, weekday
--: admissions by month
SELECT date_trunc('month', start_time) AS month, count(*) AS n FROM encounter GROUP BY month ORDER BY month
--: month as text
SELECT strftime(start_time, '%Y-%m') AS month, count(*) AS n FROM encounter GROUP BY 1 ORDER BY 1
--: time bucket
SELECT time_bucket(INTERVAL '30 days', start_time) AS span, count(*) AS n FROM encounter GROUP BY span ORDER BY span
--: night admissions
SELECT count(*) FROM encounter WHERE hour(start_time) NOT BETWEEN 7 AND 19
--: emergency then inpatient
SELECT count(*) FROM encounter ed JOIN encounter h ON h.encounter_id = ed.parent_id WHERE ed.class = 'emergency'
--: intensive care within the hospital stay
SELECT h.encounter_id, count(icu.encounter_id) AS icu_stays FROM encounter h LEFT JOIN encounter icu ON icu.parent_id = h.encounter_id AND icu.class = 'icu' WHERE h.class = 'inpatient' GROUP BY h.encounter_id ORDER BY 2 DESC, 1
--: hours to intensive care
SELECT avg(date_diff('minute', h.start_time, i.start_time) / 60.0) FROM encounter h JOIN encounter i ON i.parent_id = h.encounter_id WHERE i.class = 'icu'
--: readmission within 30 days
SELECT count(*) FROM (SELECT subject_id, start_time, lag(end_time) OVER (PARTITION BY subject_id ORDER BY start_time) AS before FROM encounter WHERE class = 'inpatient') WHERE start_time <= before + INTERVAL 30 DAY
--: readmission with a named window
SELECT encounter_id, lead(start_time) OVER w - end_time AS gap FROM encounter WHERE class = 'inpatient' WINDOW w AS (PARTITION BY subject_id ORDER BY start_time) ORDER BY encounter_id
--: first stay of each patient
SELECT subject_id, encounter_id FROM encounter QUALIFY row_number() OVER (PARTITION BY subject_id ORDER BY start_time, encounter_id) = 1 ORDER BY subject_id
--: distinct on
SELECT DISTINCT ON (subject_id) subject_id, class FROM encounter ORDER BY subject_id, start_time, encounter_id
--: last stay by arg_max
SELECT subject_id, arg_max(class, start_time) AS last_class FROM encounter GROUP BY subject_id ORDER BY subject_id
--: last stay by max_by
SELECT subject_id, max_by(encounter_id, start_time) AS last_stay FROM encounter GROUP BY subject_id ORDER BY subject_id
--: rank of the stay
SELECT encounter_id, dense_rank() OVER (PARTITION BY subject_id ORDER BY start_time) AS k FROM encounter ORDER BY encounter_id
--: running number of deaths
SELECT death_time, count(*) OVER (ORDER BY death_time ROWS UNBOUNDED PRECEDING) AS so_far FROM death ORDER BY death_time
--: patients with heart failure
SELECT count(DISTINCT subject_id) FROM condition WHERE code LIKE 'DIAGNOSIS//ICD//10//I50%' OR code LIKE 'DIAGNOSIS//ICD//9//428%'
--: heart failure by title
SELECT count(DISTINCT subject_id) FROM condition WHERE description ILIKE '%heart failure%'
--: heart failure by regular expression
SELECT count(DISTINCT subject_id) FROM condition WHERE regexp_matches(code, '^DIAGNOSIS//ICD//(10//I50|9//428)')
--: heart failure by the tilde
SELECT count(*) FROM condition WHERE code ~ 'ICD//10//I50.*'
--: starts_with
SELECT count(*) FROM event WHERE starts_with(code, 'LAB//')
--: the prefix operator
SELECT count(*) FROM event WHERE code ^@ 'LAB//'
--: parts of a code
SELECT split_part(code, '//', 1) AS head, count(*) AS n FROM event GROUP BY head ORDER BY n DESC, head
--: list of the parts of a code
SELECT code, string_split(code, '//')[1] AS head, len(string_split(code, '//')) AS parts FROM code ORDER BY code
--: most frequent diagnoses
SELECT code, any_value(description) AS title, count(DISTINCT subject_id) AS patients FROM condition GROUP BY code ORDER BY patients DESC, code LIMIT 10
--: patients with both diabetes and heart failure
SELECT subject_id FROM condition WHERE code LIKE '%//E11%' INTERSECT SELECT subject_id FROM condition WHERE code LIKE '%//I50%' ORDER BY subject_id
--: diabetes without heart failure
SELECT subject_id FROM condition WHERE code LIKE '%//E11%' EXCEPT SELECT subject_id FROM condition WHERE code LIKE '%//I50%' ORDER BY subject_id
--: either diagnosis
SELECT DISTINCT subject_id FROM condition WHERE code IN ('DIAGNOSIS//ICD//10//E119', 'DIAGNOSIS//ICD//10//I509') ORDER BY subject_id
--: union by name
SELECT subject_id, start_time FROM condition UNION ALL BY NAME SELECT start_time, subject_id FROM procedure ORDER BY subject_id, start_time
--: existence
SELECT p.subject_id FROM patient p WHERE EXISTS (SELECT 1 FROM condition c WHERE c.subject_id = p.subject_id AND c.code LIKE '%//I50%') ORDER BY 1
--: absence
SELECT count(*) FROM patient p WHERE NOT EXISTS (FROM medication m WHERE m.subject_id = p.subject_id)
--: semi join
SELECT count(*) FROM patient SEMI JOIN condition USING (subject_id)
--: anti join
SELECT subject_id FROM patient ANTI JOIN procedure USING (subject_id) ORDER BY subject_id
--: in a subquery
SELECT sex, count(*) AS n FROM patient WHERE subject_id IN (SELECT subject_id FROM medication WHERE description ILIKE '%furosemide%') GROUP BY sex ORDER BY sex
--: furosemide given
SELECT count(DISTINCT subject_id) AS patients, count(*) AS doses FROM medication WHERE code ILIKE '%furosemide%' AND status = 'Administered'
--: the word update in a string
SELECT count(*) FROM event WHERE text_value = 'update' OR text_value = 'drop table event;'
--: a condition that is always true
SELECT count(*) FROM patient a JOIN death b ON 1=1
--: strings with quotes and comment signs
SELECT 'it''s -- not a comment', '/* nor this */', 'DELETE FROM event' AS "a name; with -- signs"
--: an escape string
SELECT E'line\nbreak' AS text, length(E'a\tb') AS n
--: dollar quotes
SELECT $$it's$$ AS text
--: comments are ignored
SELECT count(*) /* all of them */ FROM patient -- that is all
--: a trailing semicolon
SELECT count(*) FROM patient;
--: medication status
SELECT status, count(*) AS n FROM medication GROUP BY status HAVING count(*) >= 1 ORDER BY n DESC, status NULLS LAST
--: last creatinine of each patient
SELECT subject_id, arg_max(value, start_time) AS creatinine FROM observation WHERE code = 'LAB//50912//mg/dL' GROUP BY subject_id ORDER BY subject_id
--: creatinine above 1.5
SELECT DISTINCT subject_id FROM observation WHERE code = 'LAB//50912//mg/dL' AND value > 1.5 ORDER BY subject_id
--: first potassium after admission
SELECT e.encounter_id, o.value FROM encounter e JOIN observation o ON o.subject_id = e.subject_id AND o.start_time BETWEEN e.start_time AND e.end_time WHERE o.code LIKE 'LAB//50971//%' AND e.class = 'inpatient' QUALIFY row_number() OVER (PARTITION BY e.encounter_id ORDER BY o.start_time) = 1 ORDER BY 1
--: lab within 24 hours of admission
SELECT count(DISTINCT e.encounter_id) FROM encounter e JOIN event l ON l.subject_id = e.subject_id AND l.time >= e.start_time AND l.time < e.start_time + INTERVAL '24 hours' WHERE l.code = 'LAB//50912//mg/dL' AND l.numeric_value > 1.2
--: asof join
SELECT e.encounter_id, o.value FROM encounter e ASOF JOIN (SELECT subject_id, start_time, value FROM observation WHERE code = 'LAB//50912//mg/dL') o ON e.subject_id = o.subject_id AND e.end_time >= o.start_time ORDER BY e.encounter_id
--: lateral
SELECT e.encounter_id, l.highest FROM encounter e, LATERAL (SELECT max(o.value) AS highest FROM observation o WHERE o.subject_id = e.subject_id AND o.start_time BETWEEN e.start_time AND e.end_time) l ORDER BY e.encounter_id
--: scalar subquery
SELECT subject_id, (SELECT count(*) FROM event e WHERE e.subject_id = p.subject_id) AS events FROM patient p ORDER BY subject_id
--: difference to the value before
SELECT subject_id, start_time, value - lag(value) OVER (PARTITION BY subject_id, code ORDER BY start_time) AS change FROM observation WHERE value IS NOT NULL ORDER BY subject_id, code, start_time
--: fill forward
SELECT subject_id, time, last_value(numeric_value IGNORE NULLS) OVER (PARTITION BY subject_id ORDER BY time, event_id ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW) AS carried FROM event ORDER BY subject_id, time NULLS FIRST, event_id
--: lag over nulls
SELECT event_id, lag(numeric_value, 1, -1 IGNORE NULLS) OVER (PARTITION BY subject_id ORDER BY event_id) AS before FROM event ORDER BY event_id
--: moving average
SELECT subject_id, start_time, avg(value) OVER (PARTITION BY subject_id ORDER BY start_time ROWS BETWEEN 2 PRECEDING AND CURRENT ROW) AS mean FROM observation WHERE code = 'LAB//50912//mg/dL' ORDER BY 1, 2
--: range of a week
SELECT subject_id, start_time, count(*) OVER (PARTITION BY subject_id ORDER BY start_time RANGE BETWEEN INTERVAL 7 DAY PRECEDING AND CURRENT ROW) AS in_week FROM observation ORDER BY ALL
--: rise of creatinine
WITH c AS (SELECT subject_id, start_time, value FROM observation WHERE code = 'LAB//50912//mg/dL') SELECT count(DISTINCT a.subject_id) FROM c a JOIN c b ON a.subject_id = b.subject_id AND b.start_time > a.start_time AND b.start_time <= a.start_time + INTERVAL 48 HOUR WHERE b.value >= a.value + 0.3
--: named steps
WITH stays AS (SELECT * FROM encounter WHERE class = 'inpatient'), long AS (FROM stays WHERE end_time - start_time > INTERVAL 3 DAY) SELECT (SELECT count(*) FROM long) * 100.0 / count(*) AS percent FROM stays
--: a materialized step
WITH labs AS MATERIALIZED (SELECT subject_id, value FROM observation WHERE value IS NOT NULL) SELECT count(*), round(avg(value), 3) FROM labs
--: a step that hides a table
WITH event AS (SELECT * FROM event WHERE code LIKE 'LAB//%') SELECT count(*) FROM event
--: a step with named columns
WITH counts(code, n) AS (SELECT code, count(*) FROM event GROUP BY code) SELECT code, n FROM counts WHERE n > 1 ORDER BY n DESC, code
--: nested steps
WITH outer_step AS (WITH inner_step AS (SELECT subject_id FROM death) SELECT * FROM inner_step) SELECT count(*) FROM outer_step
--: recursion through parents
WITH RECURSIVE up(id, root) AS (SELECT encounter_id, encounter_id FROM encounter WHERE parent_id IS NULL UNION ALL SELECT e.encounter_id, up.root FROM encounter e JOIN up ON e.parent_id = up.id) SELECT root, count(*) AS stays FROM up GROUP BY root ORDER BY root
--: recursion that counts
WITH RECURSIVE t(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM t WHERE n < 10) SELECT sum(n) FROM t
--: a calendar
SELECT day::DATE AS day, count(e.encounter_id) AS n FROM generate_series(TIMESTAMP '2150-01-01', TIMESTAMP '2150-01-07', INTERVAL 1 DAY) AS days(day) LEFT JOIN encounter e ON date_trunc('day', e.start_time) = day GROUP BY 1 ORDER BY 1
--: numbers
SELECT range * range AS square FROM range(5)
--: unnest in the choice of columns
SELECT subject_id, unnest(identifiers) AS identifier FROM patient ORDER BY 1, 2
--: unnest in FROM
SELECT count(*) FROM patient, unnest(identifiers) AS u(identifier)
--: list comprehension
SELECT [x * 2 FOR x IN [1, 2, 3] IF x > 1] AS doubled
--: lambda
SELECT list_transform([1, 2, 3], lambda x: x + 1) AS more, list_filter([1, 2, 3], lambda x: x % 2 = 1) AS odd
--: reduce
SELECT list_reduce([1, 2, 3], lambda a, b: a + b) AS total
--: collected codes
SELECT subject_id, list(code ORDER BY event_id)[1:2] AS first_codes FROM event GROUP BY subject_id ORDER BY subject_id
--: joined texts
SELECT subject_id, string_agg(DISTINCT split_part(code, '//', 1), ', ' ORDER BY split_part(code, '//', 1)) AS heads FROM event GROUP BY subject_id ORDER BY subject_id
--: sorted list
SELECT list_sort(list(DISTINCT class), 'DESC') FROM encounter
--: a structure
SELECT {'sex': sex, 'died': died} AS who FROM patient ORDER BY subject_id
--: a part of a structure
SELECT s.n FROM (SELECT {'n': count(*)} AS s FROM patient)
--: struct_pack
SELECT struct_pack(low := min(value), high := max(value)) AS span FROM observation
--: a map
SELECT MAP {'F': 'female', 'M': 'male'}['F'] AS word
--: histogram
SELECT histogram(class) FROM encounter
--: mode and entropy
SELECT mode(class), round(entropy(class), 4) FROM encounter
--: standard deviation
SELECT code, count(*) AS n, round(avg(value), 3) AS mean, round(stddev_samp(value), 3) AS sd, min(value), max(value) FROM observation WHERE value IS NOT NULL GROUP BY code ORDER BY code
--: correlation
SELECT round(corr(date_diff('year', birth_time, death_time), subject_id), 3) FROM death
--: regression
SELECT regr_slope(value, epoch(start_time)) IS NOT NULL FROM observation WHERE code = 'LAB//50912//mg/dL'
--: approximate counts
SELECT approx_count_distinct(subject_id) > 0 FROM event
--: percent in a window
SELECT class, round(100.0 * count(*) / sum(count(*)) OVER (), 1) AS percent FROM encounter GROUP BY class ORDER BY class
--: quartile of each patient
SELECT subject_id, ntile(4) OVER (ORDER BY birth_time, subject_id) AS quarter FROM patient ORDER BY subject_id
--: subtotals
SELECT class, disposition, count(*) AS n FROM encounter GROUP BY ROLLUP (class, disposition) ORDER BY ALL
--: grouping sets
SELECT class, disposition, count(*) AS n, grouping(class) AS g FROM encounter GROUP BY GROUPING SETS ((class), (disposition), ()) ORDER BY ALL
--: cube
SELECT sex, died, count(*) AS n FROM patient GROUP BY CUBE (sex, died) ORDER BY ALL
--: pivot
PIVOT encounter ON class IN ('inpatient', 'icu', 'emergency') USING count(*) GROUP BY subject_id
--: pivot in FROM
SELECT * FROM (SELECT subject_id, class FROM encounter) PIVOT (count(*) FOR class IN ('inpatient', 'icu')) ORDER BY subject_id
--: unpivot
SELECT * FROM (SELECT subject_id, birth_time, death_time FROM patient) UNPIVOT (moment FOR what IN (birth_time, death_time)) ORDER BY ALL
--: sample of all
SELECT count(*) FROM patient USING SAMPLE 100%
--: sample of rows
SELECT count(*) <= 3 FROM (FROM patient USING SAMPLE 3 ROWS)
--: case
SELECT CASE WHEN value < 3.5 THEN 'low' WHEN value <= 5.0 THEN 'normal' ELSE 'high' END AS potassium, count(*) AS n FROM observation WHERE code LIKE 'LAB//50971//%' GROUP BY ALL ORDER BY ALL
--: case of a value
SELECT CASE sex WHEN 'female' THEN 'F' WHEN 'male' THEN 'M' END AS letter, count(*) FROM patient GROUP BY 1 ORDER BY 1
--: if
SELECT subject_id, if(died, 'yes', 'no') AS died FROM patient ORDER BY subject_id
--: coalesce and nullif
SELECT encounter_id, coalesce(nullif(disposition, ''), 'unknown') AS went FROM encounter ORDER BY encounter_id
--: casts
SELECT '5'::INTEGER + 1, TRY_CAST('abc' AS DOUBLE), CAST(3.7 AS BIGINT), 1::DECIMAL(10, 2)
--: try
SELECT TRY('abc'::INTEGER) AS nothing
--: arithmetic of the engine
SELECT 7 / 2, 7 // 2, 7 % 3, 2 ** 3, 2 ^ 3, -7 / 2, 5 & 3, 5 | 3, 1 << 4, ~5
--: division by zero
SELECT 1 / 0 AS infinite, isinf(1.0 / 0) AS is_it
--: precedence
SELECT 1 + 2 * 3 - 4 / 2, NOT true OR true, 1 < 2 AND 2 < 3 OR false
--: null logic
SELECT NULL IS NULL, 1 IS DISTINCT FROM NULL, NULL = NULL, coalesce(NULL, 2)
--: logarithms and roots
SELECT ln(10), log10(1000), log2(8), sqrt(16), exp(0), ceil(1.2), floor(-1.2), round(2.567, 2), sign(-3), abs(-4)
--: trigonometry is rarely needed
SELECT round(sin(pi() / 2), 6), degrees(pi())
--: least and greatest
SELECT greatest(1, 5, 3), least(2, NULL, 1)
--: texts
SELECT upper('abc'), lower('ABC'), length('abc'), trim('  a '), substring('abcdef', 2, 3), substr('abcdef', 3), left('abc', 2), right('abc', 2), reverse('abc'), replace('aXb', 'X', '-'), concat('a', NULL, 'b'), 'a' || 'b', lpad('7', 3, '0'), position('c' IN 'abc'), strpos('abc', 'b'), contains('abc', 'b'), instr('abc', 'c')
--: special syntax of texts
SELECT substring('abcdef' FROM 2 FOR 3), trim(BOTH 'x' FROM 'xax'), overlay('abc' PLACING 'X' FROM 2)
--: method chains
SELECT 'abc'.upper().reverse() AS text
--: regular expressions
SELECT regexp_extract('LAB//50912//mg/dL', 'LAB//(\d+)', 1), regexp_replace('a1b2', '\d', '#', 'g'), regexp_full_match('abc', 'a.c'), regexp_extract_all('a1b22', '\d+')
--: likeness
SELECT description FROM code WHERE jaro_winkler_similarity(lower(description), 'creatinine') > 0.8 ORDER BY description
--: like with an escape
SELECT '10%' LIKE '10!%' ESCAPE '!', 'abc' NOT LIKE 'b%', 'ABC' ILIKE 'abc', 'abc' SIMILAR TO 'a.c', 'abc' GLOB 'a*'
--: dates
SELECT DATE '2150-01-31' + INTERVAL 1 MONTH, date_add(DATE '2150-01-01', INTERVAL 5 DAY), date_sub('month', DATE '2150-01-01', DATE '2150-03-01'), last_day(DATE '2150-02-03'), make_date(2150, 1, 2), datepart('dow', DATE '2150-01-01'), extract(year FROM DATE '2150-01-01'), dayofweek(DATE '2150-01-01')
--: intervals
SELECT INTERVAL 6 HOUR, INTERVAL '6' HOUR, INTERVAL '6 hours', INTERVAL (2 + 1) DAY, to_days(3), to_hours(6), TIMESTAMP '2150-01-02 03:04:05' - TIMESTAMP '2150-01-01 00:00:00'
--: differences between dates
SELECT date_diff('day', DATE '2150-01-01', DATE '2150-02-01'), datediff('hour', TIMESTAMP '2150-01-01 00:59:00', TIMESTAMP '2150-01-01 01:01:00'), DATE '2150-02-01' - DATE '2150-01-01', age(TIMESTAMP '2150-03-01', TIMESTAMP '2150-01-01')
--: reading times
SELECT strptime('03/02/2150', '%d/%m/%Y'), try_strptime('x', '%Y'), epoch_ms(TIMESTAMP '2150-01-01'), TIMESTAMP '2150-01-01 12:00:00'::DATE
--: JSON
SELECT json_extract_string('{"a": {"b": 5}}', '$.a.b'), '{"a": 1}'::JSON -> 'a', '{"a": 1}'::JSON ->> 'a', json_array_length('[1, 2]')
--: columns by exclusion
SELECT * EXCLUDE (identifiers) FROM patient ORDER BY subject_id
--: columns by replacement
SELECT * EXCLUDE (identifiers) REPLACE (upper(sex) AS sex) FROM patient ORDER BY subject_id
--: columns by pattern
SELECT COLUMNS('.*_time') FROM patient ORDER BY ALL
--: a function over all columns
SELECT count(COLUMNS(*)) FROM encounter
--: columns of one table
SELECT e.*, p.sex FROM encounter e JOIN patient p USING (subject_id) ORDER BY e.encounter_id
--: an alias before
SELECT n: count(*), c: class FROM encounter GROUP BY class ORDER BY class
--: an alias used again
SELECT value * 2 AS doubled, doubled + 1 AS more FROM observation WHERE doubled > 2 ORDER BY 1, 2
--: quoted names
SELECT "time", "code" FROM "event" WHERE "time" IS NOT NULL ORDER BY event_id
--: names in capitals
SELECT COUNT(*) FROM EVENT WHERE CODE LIKE 'LAB%'
--: with the schema
SELECT count(*) FROM main.patient WHERE patient.sex = 'male'
--: full names of columns
SELECT main.encounter.class FROM main.encounter ORDER BY main.encounter.encounter_id
--: natural join
SELECT count(*) FROM patient NATURAL JOIN death
--: full outer join
SELECT count(*) FROM (SELECT subject_id FROM condition) a FULL OUTER JOIN (SELECT subject_id FROM procedure) b USING (subject_id)
--: cross join
SELECT count(*) FROM patient CROSS JOIN (VALUES (1), (2)) v(n)
--: values as a table
SELECT v.word, count(e.encounter_id) AS n FROM (VALUES ('icu', 'intensive care'), ('emergency', 'ED')) AS v(class, word) LEFT JOIN encounter e USING (class) GROUP BY v.word ORDER BY v.word
--: any and all
SELECT 3 = ANY ([1, 2, 3]), 3 IN (1, 2, 3), 'a' NOT IN ('b', 'c'), 5 > ALL (SELECT 3)
--: tuples
SELECT count(*) FROM encounter WHERE (class, disposition) IN (('inpatient', 'DIED'), ('icu', 'DIED'))
--: lists that overlap
SELECT [1, 2] && [2, 3], [1, 2, 3] @> [2], list_contains([1, 2], 2), list_intersect([1, 2], [2, 3])
--: offset
SELECT subject_id FROM patient ORDER BY subject_id LIMIT 2 OFFSET 1
--: a share of the rows
SELECT subject_id FROM patient ORDER BY subject_id LIMIT 50%
--: a limit that is computed
SELECT subject_id FROM patient ORDER BY subject_id LIMIT (SELECT 3)
--: an order with nulls first
SELECT subject_id, death_time FROM patient ORDER BY death_time DESC NULLS FIRST, subject_id
--: collation
SELECT class FROM encounter GROUP BY class ORDER BY class COLLATE NOCASE DESC
--: a query in brackets
(SELECT sex FROM patient WHERE died) UNION (SELECT sex FROM death) ORDER BY sex
--: a set operation with a limit
SELECT code FROM condition UNION SELECT code FROM procedure ORDER BY code LIMIT 3
--: codes and how often
SELECT code, description, n_events, n_subjects, quantiles[6] AS median FROM code WHERE kind = 'observation' ORDER BY n_events DESC, code
--: codes of one system
SELECT system, count(*) AS codes, sum(n_events) AS events FROM code GROUP BY system ORDER BY system NULLS LAST
--: static facts
SELECT code, count(*) AS n FROM event WHERE time IS NULL GROUP BY code ORDER BY code
--: ambiguous words as names
SELECT count(*) AS "order", max(value) AS "select", min(unit) AS "from" FROM observation
--: time zone
SELECT TIMESTAMP '2150-01-01 00:00:00' AT TIME ZONE 'UTC' IS NOT NULL
--: hashes to pseudonymise
SELECT md5(subject_id::VARCHAR) AS pseudonym FROM patient ORDER BY 1
--: boolean aggregates
SELECT bool_or(died), bool_and(subject_id > 0), count_if(died) FROM patient
--: distinct pairs
SELECT count(DISTINCT (subject_id, code)) FROM event
--: weighted mean
SELECT round(sum(value * n) / sum(n), 3) FROM (SELECT value, count(*) AS n FROM observation WHERE value IS NOT NULL GROUP BY value)
--: nothing to do with the store
SELECT 1
--: a nested comment
SELECT /* /* */ 1; DROP TABLE event -- */ 2
--: a hexadecimal number
SELECT 0x1F, 1_000, .5, 1e3
--: an ordered-set aggregate
SELECT percentile_cont(0.5) WITHIN GROUP (ORDER BY value) FROM observation
--: casts of typed literals
SELECT TIMESTAMP '2150-01-01 12:00:00'::DATE, DATE '2150-01-01'::TIMESTAMP::VARCHAR
--: fields of a structure as columns
SELECT low, high FROM (SELECT s.* FROM (SELECT {'low': min(value), 'high': max(value)} AS s FROM observation))
--: a field of a structure keeps its name
SELECT n + 1 AS more FROM (SELECT s.n FROM (SELECT {'n': count(*)} AS s FROM patient))
--: a nested field
SELECT (s).a.b AS b FROM (SELECT {'a': {'b': 5}} AS s)
--: a lambda with a column
SELECT list_filter([1, 2, 3], lambda x: x > subject_id) AS above FROM patient ORDER BY subject_id
--: a comprehension with a column
SELECT [x + subject_id FOR x IN [1, 2]] AS shifted FROM patient ORDER BY subject_id
--: a row as a value
SELECT p FROM (SELECT subject_id, sex FROM patient) p ORDER BY p.subject_id
--: a name of a function's result
SELECT "count_star()" FROM (SELECT count(*) FROM patient)
--: lead and lag in one window
SELECT encounter_id, lag(class) OVER w AS before, lead(class) OVER w AS after FROM encounter WINDOW w AS (PARTITION BY subject_id ORDER BY start_time, encounter_id) ORDER BY encounter_id
--: a union of three in brackets
(SELECT 1 AS a UNION ALL SELECT 2) UNION ALL (SELECT 3 ORDER BY 1) ORDER BY a
--: code kinds
SELECT kind, sum(n_events) AS events FROM code GROUP BY kind ORDER BY kind
--: words of statements as values
SELECT count(*) FROM medication WHERE status IN ('Administered', 'update', 'delete', 'insert into event', 'DROP TABLE event; --')
--: a word of a statement as an alias
SELECT 1 AS "update", 2 AS "delete", 3 AS "copy", 4 AS attach, 5 AS install
--: a semicolon in a string
SELECT 'SELECT 1; SELECT 2' AS text, ';' AS "end;"
--: a comment within words
SELECT count(*) /* DELETE FROM event; */ FROM /* reject */ patient -- ; DROP TABLE event
--: comments on many lines
/* all
   patients */
SELECT count(*) -- how many
FROM patient -- of them
--: letters of other languages
SELECT 'Größe, 体重, вес, 💊' AS "größe", length('体重') AS länge
--: a name in another script
WITH "患者" AS (SELECT subject_id FROM patient) SELECT count(*) FROM "患者"
--: accents taken away
SELECT strip_accents('Ménière'), nfc_normalize('é') = 'é'
--: lateral that keeps all
SELECT p.subject_id, l.n FROM patient p LEFT JOIN LATERAL (SELECT count(*) AS n FROM encounter e WHERE e.subject_id = p.subject_id AND e.class = 'icu') l ON true ORDER BY p.subject_id
--: lateral without the word
SELECT p.subject_id, t.twice FROM patient p, (SELECT p.subject_id * 2 AS twice) t ORDER BY 1
--: lateral over the three last values
SELECT p.subject_id, l.value FROM patient p, LATERAL (SELECT o.value FROM observation o WHERE o.subject_id = p.subject_id AND o.code = 'LAB//50912//mg/dL' ORDER BY o.start_time DESC LIMIT 3) l ORDER BY 1, 2
--: lateral of lateral
SELECT p.subject_id, b.n FROM patient p, LATERAL (SELECT max(e.encounter_id) AS last FROM encounter e WHERE e.subject_id = p.subject_id) a, LATERAL (SELECT a.last + 1 AS n) b ORDER BY 1
--: lateral over a series
SELECT p.subject_id, n FROM patient p, LATERAL (SELECT unnest(generate_series(1, 2)) AS n) s ORDER BY 1, 2
--: qualify by a count of a window
SELECT subject_id, code FROM event QUALIFY count(*) OVER (PARTITION BY subject_id, code) > 3 ORDER BY ALL
--: qualify with a named window
SELECT encounter_id FROM encounter WINDOW w AS (PARTITION BY subject_id ORDER BY start_time, encounter_id) QUALIFY rank() OVER w = 2 ORDER BY 1
--: qualify with an alias
SELECT subject_id, value, row_number() OVER (PARTITION BY subject_id ORDER BY value DESC, start_time) AS place FROM observation WHERE value IS NOT NULL QUALIFY place = 1 ORDER BY 1
--: pivot with several values
PIVOT encounter ON class IN ('inpatient', 'icu') USING count(*) AS n, count(DISTINCT subject_id) AS patients GROUP BY disposition ORDER BY disposition
--: pivot over two columns
PIVOT encounter ON class IN ('inpatient', 'icu'), disposition IN ('HOME', 'DIED') USING count(*) ORDER BY ALL
--: pivot in WITH
WITH kinds AS (PIVOT (SELECT subject_id, class FROM encounter) ON class IN ('icu', 'emergency') USING count(*)) SELECT sum(icu), sum(emergency) FROM kinds
--: pivot of labs
SELECT * FROM (SELECT subject_id, code, value FROM observation WHERE value IS NOT NULL) PIVOT (max(value) FOR code IN ('LAB//50912//mg/dL' AS creatinine, 'LAB//50971//mEq/L' AS potassium) GROUP BY subject_id) ORDER BY subject_id
--: unpivot as a statement
UNPIVOT (SELECT subject_id, birth_time, death_time FROM patient) ON birth_time, death_time INTO NAME what VALUE moment ORDER BY ALL
--: unpivot by a pattern
UNPIVOT (SELECT subject_id, birth_time, death_time FROM patient) ON COLUMNS('.*_time') INTO NAME what VALUE moment ORDER BY ALL
--: unpivot that keeps nulls
SELECT what, count(*), count(moment) FROM (SELECT subject_id, birth_time, death_time FROM patient) UNPIVOT INCLUDE NULLS (moment FOR what IN (birth_time, death_time)) GROUP BY what ORDER BY what
--: a sample by bernoulli
SELECT count(*) BETWEEN 0 AND 12 FROM patient TABLESAMPLE bernoulli(50%)
--: a sample by reservoir
SELECT count(*) FROM patient TABLESAMPLE reservoir(5)
--: a sample that can be repeated
SELECT count(*) FROM (SELECT * FROM patient USING SAMPLE reservoir(4 ROWS) REPEATABLE (42))
--: a sample of the whole join
SELECT count(*) <= 7 FROM (SELECT * FROM patient JOIN encounter USING (subject_id) USING SAMPLE 7)
--: recursion to a calendar
WITH RECURSIVE days(d) AS (SELECT DATE '2150-01-01' UNION ALL SELECT (d + INTERVAL 1 DAY)::DATE FROM days WHERE d < DATE '2150-01-10') SELECT d, count(e.encounter_id) AS n FROM days LEFT JOIN encounter e ON e.start_time::DATE = d GROUP BY d ORDER BY d
--: recursion down to parts of a stay
WITH RECURSIVE parts AS (SELECT encounter_id, 0 AS depth FROM encounter WHERE parent_id IS NULL UNION ALL SELECT e.encounter_id, depth + 1 FROM encounter e JOIN parts p ON e.parent_id = p.encounter_id) SELECT depth, count(*) FROM parts GROUP BY depth ORDER BY depth
--: recursion without duplicates
WITH RECURSIVE t(n) AS (SELECT 1 UNION SELECT (n * 3) % 7 FROM t) SELECT list_sort(list(n)) FROM t
--: two steps of which one is recursive
WITH RECURSIVE a AS (SELECT 1 AS n), b(n) AS (SELECT n FROM a UNION ALL SELECT n + 1 FROM b WHERE n < 4) SELECT sum(n) FROM b
--: a frame by groups
SELECT subject_id, start_time, sum(value) OVER (ORDER BY start_time::DATE GROUPS BETWEEN 1 PRECEDING AND CURRENT ROW) AS s FROM observation WHERE code = 'LAB//50971//mEq/L' ORDER BY 2, 1
--: a frame that leaves out the row
SELECT subject_id, round(avg(value) OVER (PARTITION BY subject_id ORDER BY start_time ROWS BETWEEN UNBOUNDED PRECEDING AND UNBOUNDED FOLLOWING EXCLUDE CURRENT ROW), 3) AS others FROM observation WHERE code = 'LAB//50912//mg/dL' ORDER BY 1, start_time
--: a frame that looks ahead
SELECT encounter_id, min(start_time) OVER (PARTITION BY subject_id ORDER BY start_time ROWS BETWEEN 1 FOLLOWING AND UNBOUNDED FOLLOWING) AS next_one FROM encounter ORDER BY encounter_id
--: a frame by a range of hours
SELECT event_id, count(*) OVER (PARTITION BY subject_id ORDER BY time RANGE BETWEEN INTERVAL 24 HOURS PRECEDING AND INTERVAL 24 HOURS FOLLOWING) AS around FROM event WHERE time IS NOT NULL ORDER BY event_id
--: the nth value of a window
SELECT subject_id, nth_value(value, 2) OVER (PARTITION BY subject_id ORDER BY start_time ROWS BETWEEN UNBOUNDED PRECEDING AND UNBOUNDED FOLLOWING) AS second FROM observation WHERE code = 'LAB//50912//mg/dL' ORDER BY ALL
--: distributions in windows
SELECT subject_id, round(cume_dist() OVER (ORDER BY birth_time), 3), round(percent_rank() OVER (ORDER BY birth_time), 3) FROM patient ORDER BY 1
--: a distinct count in a window
SELECT subject_id, count(DISTINCT class) OVER (PARTITION BY subject_id) AS kinds FROM encounter ORDER BY encounter_id
--: a window over groups
SELECT sex, count(*) AS n, rank() OVER (ORDER BY count(*) DESC, sex) AS place FROM patient GROUP BY sex ORDER BY sex
--: rollup with names of the levels
SELECT CASE grouping(class, disposition) WHEN 0 THEN 'both' WHEN 1 THEN 'class' ELSE 'all' END AS level, class, disposition, count(*) AS n FROM encounter GROUP BY ROLLUP (class, disposition) ORDER BY ALL
--: grouping sets of expressions
SELECT year(start_time) AS y, class, count(*) AS n FROM encounter GROUP BY GROUPING SETS ((year(start_time), class), (class), ()) ORDER BY ALL
--: asof left join
SELECT e.encounter_id, o.value FROM encounter e ASOF LEFT JOIN (SELECT subject_id, start_time, value FROM observation WHERE code = 'LAB//50971//mEq/L') o ON e.subject_id = o.subject_id AND e.start_time >= o.start_time ORDER BY 1
--: asof join by USING
SELECT d.subject_id, o.value FROM (SELECT subject_id, death_time AS start_time FROM death) d ASOF JOIN (SELECT subject_id, start_time, value FROM observation WHERE value IS NOT NULL) o USING (subject_id, start_time) ORDER BY 1
--: positional join
SELECT a.n AS one, b.n AS other FROM (SELECT unnest([1, 2, 3]) AS n) a POSITIONAL JOIN (SELECT unnest([4, 5]) AS n) b ORDER BY a.n
--: join on a span of time
SELECT count(*) FROM event a JOIN event b ON a.subject_id = b.subject_id AND b.time BETWEEN a.time AND a.time + INTERVAL 6 HOUR WHERE a.code = 'HOSPITAL_ADMISSION//URGENT//UNK' AND b.numeric_value IS NOT NULL
--: right join
SELECT p.subject_id, d.death_time FROM death d RIGHT JOIN patient p USING (subject_id) ORDER BY 1
--: three tables joined
SELECT p.sex, e.class, count(o.value) AS n FROM patient p JOIN encounter e USING (subject_id) LEFT JOIN observation o ON o.encounter_id = e.encounter_id GROUP BY ALL ORDER BY ALL
--: except all
SELECT subject_id FROM encounter EXCEPT ALL SELECT subject_id FROM patient ORDER BY 1
--: intersect all
SELECT code FROM event INTERSECT ALL SELECT code FROM condition ORDER BY 1
--: a union in WITH
WITH facts AS (SELECT subject_id, 'condition' AS kind FROM condition UNION SELECT subject_id, 'procedure' FROM procedure) SELECT kind, count(*) FROM facts GROUP BY kind ORDER BY kind
--: a subquery in FROM in a subquery in FROM
SELECT n FROM (SELECT count(*) AS n FROM (SELECT DISTINCT subject_id FROM (SELECT * FROM condition WHERE code LIKE '%E11%')))
--: a subquery that compares rows
SELECT e.encounter_id FROM encounter e WHERE e.end_time - e.start_time >= ALL (SELECT i.end_time - i.start_time FROM encounter i WHERE i.subject_id = e.subject_id) ORDER BY 1
--: a correlated average
SELECT o.subject_id, o.value FROM observation o WHERE o.value > (SELECT avg(i.value) FROM observation i WHERE i.code = o.code) ORDER BY 1, 2, o.start_time
--: a subquery as a list
SELECT subject_id, (SELECT list(e.class ORDER BY e.encounter_id) FROM encounter e WHERE e.subject_id = p.subject_id) AS classes FROM patient p ORDER BY 1
--: a step that is read twice
WITH m AS (SELECT code, median(value) AS middle FROM observation WHERE value IS NOT NULL GROUP BY code) SELECT a.code, b.middle - a.middle AS apart FROM m a JOIN m b ON a.code < b.code ORDER BY 1
--: a step that is not materialized
WITH m AS NOT MATERIALIZED (SELECT subject_id FROM patient WHERE died) SELECT count(*) FROM m
--: a step that hides a view of patients
WITH patient AS (SELECT subject_id, sex FROM patient WHERE sex = 'female') SELECT count(*) FROM patient
--: the same, asked by the schema
WITH patient AS (SELECT 1 AS one) SELECT (SELECT count(*) FROM main.patient) AS all_of_them, one FROM patient
--: filters on aggregates
SELECT count(*) FILTER (WHERE value > 1) AS above, avg(value) FILTER (code = 'LAB//50912//mg/dL') AS creatinine FROM observation
--: the value at the maximum
SELECT subject_id, arg_max(start_time, value) AS at_peak, max(value, 2) AS two_highest FROM observation WHERE code = 'LAB//50912//mg/dL' GROUP BY subject_id ORDER BY subject_id
--: quantiles as columns
SELECT code, q[1] AS low, q[2] AS middle, q[3] AS high FROM (SELECT code, quantile_cont(value, [0.25, 0.5, 0.75]) AS q FROM observation WHERE value IS NOT NULL GROUP BY code) ORDER BY code
--: the median absolute deviation
SELECT code, mad(value), round(skewness(value), 3), round(sem(value), 4) FROM observation WHERE value IS NOT NULL GROUP BY code ORDER BY code
--: a geometric mean
SELECT round(geomean(value), 4), round(exp(avg(ln(value))), 4) FROM observation WHERE value > 0
--: a list of structures
SELECT subject_id, list({'code': code, 'at': start_time} ORDER BY start_time, code)[1] AS first_one FROM observation GROUP BY subject_id ORDER BY subject_id
--: a map of counts
SELECT map_from_entries(list((class, n) ORDER BY class)) AS counts FROM (SELECT class, count(*) AS n FROM encounter GROUP BY class)
--: entries of a map
SELECT unnest(map_entries(MAP {'a': 1, 'b': 2})) AS entry
--: nested lists
SELECT flatten([[1, 2], [3]]), list_zip([1, 2], ['a', 'b']), list_distinct([1, 1, 2]).list_sort()
--: a lambda with an index
SELECT list_transform([10, 20], lambda x, i: x * i) AS weighted
--: lambdas in lambdas
SELECT list_transform([[1, 2], [3]], lambda l: list_transform(l, lambda x: x + 1)) AS more
--: rows turned into JSON
SELECT to_json({'sex': sex, 'n': count(*)}) AS j FROM patient GROUP BY sex ORDER BY sex
--: paths in JSON
SELECT json_extract('{"a": [1, {"b": 2}]}', '$.a[1].b'), '{"a": 1}'::JSON->>'$.a', json_keys('{"x": 1, "y": 2}')
--: times of the day
SELECT CASE WHEN hour(start_time) < 8 THEN 'night' WHEN hour(start_time) < 16 THEN 'day' ELSE 'evening' END AS shift, count(*) FROM encounter GROUP BY ALL ORDER BY ALL
--: ages in bands of ten years
SELECT (date_diff('year', birth_time, DATE '2150-06-01') // 10 * 10)::INTEGER || '-' || (date_diff('year', birth_time, DATE '2150-06-01') // 10 * 10 + 9)::INTEGER AS band, count(*) FROM patient GROUP BY band ORDER BY band
--: weeks since the admission
SELECT date_diff('week', e.start_time, o.start_time) AS week, count(*) FROM encounter e JOIN observation o ON o.encounter_id = e.encounter_id GROUP BY week ORDER BY week
--: an interval computed
SELECT encounter_id, start_time + to_hours(encounter_id % 5) AS later, age(end_time, start_time) AS stay FROM encounter ORDER BY 1
--: text cut in many ways
SELECT code[1:3], code[-3:], left(code, 5), regexp_extract(code, '//(\w+)', 1), string_split(code, '//')[-1] FROM code ORDER BY code
--: a search in any case
SELECT description FROM code WHERE lower(description) LIKE '%heart%' OR description SIMILAR TO '.*[Dd]iabetes.*' OR description GLOB '*emia*' ORDER BY 1
--: likeness by letters
SELECT levenshtein('creatinine', 'creatinin'), damerau_levenshtein('ab', 'ba'), round(jaccard('heart', 'earth'), 2)
--: columns by a lambda
SELECT COLUMNS(lambda c: c LIKE '%time%') FROM patient ORDER BY ALL
--: columns renamed
SELECT * EXCLUDE (identifiers) RENAME (sex AS gender) FROM patient ORDER BY subject_id
--: an expression over columns
SELECT max(COLUMNS('^(birth|death)_time$')) FROM patient
--: order by all descending
SELECT sex, died FROM patient ORDER BY ALL DESC
--: limit of a share with an order
SELECT subject_id FROM patient ORDER BY subject_id DESC LIMIT 25%
--: no rows
SELECT * EXCLUDE (identifiers) FROM patient WHERE false
--: a very long list of codes
SELECT count(*) FROM event WHERE code IN ('A', 'B', 'C', 'D', 'E', 'F', 'G', 'H', 'I', 'J', 'K', 'L', 'M', 'N', 'O', 'P', 'LAB//50912//mg/dL')
--: numbers of all kinds
SELECT 1e-3, 1_000_000, 0xFF, 3.14::FLOAT, 12345678901234567890, -0.0, 'nan'::DOUBLE, 'infinity'::DOUBLE
--: booleans of three values
SELECT true AND NULL, false AND NULL, true OR NULL, NOT NULL, NULL IS NOT TRUE, (1 = 1) IS TRUE
--: between and in, turned round
SELECT count(*) FROM observation WHERE value NOT BETWEEN 1 AND 2 AND code NOT IN ('x') AND NOT (unit IS NULL)
--: xor and bits
SELECT xor(5, 3), 5 & 6, bit_count(7), ~0
--: a case in a group and an order
SELECT CASE WHEN died THEN 'died' ELSE 'alive' END AS outcome, count(*) FROM patient GROUP BY CASE WHEN died THEN 'died' ELSE 'alive' END ORDER BY CASE WHEN outcome = 'died' THEN 0 ELSE 1 END
--: an alias with the name of a table
SELECT event.subject_id, count(*) AS event FROM event GROUP BY event.subject_id ORDER BY 1
--: a column with the name of a function
SELECT count AS n FROM (SELECT count(*) AS count FROM patient)
--: a table alias with columns
SELECT a, b FROM (SELECT subject_id, sex FROM patient) AS t(a, b) ORDER BY a
--: values with WITH
WITH bands(low, high) AS (VALUES (0, 1), (1, 2)) SELECT low, count(value) FROM bands LEFT JOIN observation ON value >= low AND value < high GROUP BY low ORDER BY low
--: FROM first with everything
FROM encounter e JOIN patient p USING (subject_id) SELECT p.sex, count(*) AS n WHERE e.class = 'icu' GROUP BY p.sex HAVING n > 0 ORDER BY p.sex LIMIT 5
--: brackets around everything
((SELECT ((1 + (2)) * 3) AS n))
--: hours in intensive care by patient
SELECT subject_id, sum(date_diff('hour', start_time, end_time)) AS hours FROM encounter WHERE class = 'icu' GROUP BY subject_id ORDER BY hours DESC, subject_id
--: the share of stays with a creatinine
SELECT round(100.0 * count(DISTINCT o.encounter_id) / (SELECT count(*) FROM encounter WHERE class = 'inpatient'), 1) AS percent FROM observation o WHERE o.code = 'LAB//50912//mg/dL'
--: survivors and the others
SELECT died, count(*) AS n, round(avg(date_diff('year', birth_time, DATE '2150-01-01')), 1) AS age FROM patient GROUP BY died ORDER BY died
--: drug before operation
SELECT DISTINCT m.subject_id FROM medication m JOIN procedure o ON o.subject_id = m.subject_id AND m.start_time < o.start_time ORDER BY 1
--: pivot of a step
WITH stays AS (SELECT subject_id, class FROM encounter) PIVOT stays ON class IN ('icu', 'inpatient') USING count(*) GROUP BY subject_id ORDER BY subject_id LIMIT 3
--: pivot with a limit
PIVOT encounter ON class IN ('icu') USING count(*) GROUP BY subject_id ORDER BY icu DESC, subject_id LIMIT 2 OFFSET 1
