--: rows of patients
SELECT * FROM patient
--: rows without identifiers
SELECT sex, birth_time FROM patient ORDER BY birth_time LIMIT 1
--: one patient by number
SELECT count(*) FROM patient WHERE subject_id = 7
--: one patient in a list
SELECT count(*) FROM patient WHERE subject_id IN (7, 8)
--: one patient between
SELECT avg(value) FROM observation WHERE subject_id BETWEEN 7 AND 7
--: one patient through a step
WITH p(x) AS (SELECT subject_id FROM patient) SELECT count(*) FROM p WHERE x = 7
--: one patient through a star under new names
WITH p(a, b) AS (SELECT * FROM patient) SELECT count(*) FROM p WHERE a = 7
--: one patient through two steps
WITH a AS (SELECT subject_id AS n FROM patient), b AS (SELECT n AS m FROM a) SELECT count(*) FROM b WHERE m < 8
--: one patient through a table alias
SELECT count(*) FROM patient AS p(x, y) WHERE x = 7
--: one patient by a remainder
SELECT count(*) FROM patient WHERE subject_id % 1000 = 7
--: one patient as text
SELECT count(*) FROM patient WHERE subject_id::VARCHAR LIKE '7%'
--: one patient by a hash
SELECT count(*) FROM patient WHERE md5(subject_id::VARCHAR) = md5('7')
--: one patient in a CASE
SELECT sum(CASE WHEN subject_id = 7 THEN 1 ELSE 0 END) FROM patient
--: one patient in a simple CASE
SELECT sum(CASE subject_id WHEN 7 THEN 1 ELSE 0 END) FROM patient
--: one patient in a FILTER
SELECT count(*), count(*) FILTER (WHERE subject_id = 7) FROM patient
--: one patient by nullif
SELECT count(*) FROM patient WHERE nullif(subject_id, 7) IS NULL
--: a number for an identifier by CASE
SELECT count(*) FROM patient WHERE CASE WHEN true THEN 7 ELSE subject_id END = subject_id
--: a number for an identifier by coalesce
SELECT count(*) FROM patient WHERE coalesce(NULL, 7, subject_id) = subject_id
--: a number for an identifier by if
SELECT count(*) FROM patient WHERE if(died, 7, subject_id) = subject_id
--: a number for an identifier by the default of lag
SELECT count(*) FROM (SELECT subject_id, lag(subject_id, 1, 7) OVER (PARTITION BY subject_id) AS x FROM patient) WHERE x = subject_id
--: a number for an identifier by UNION ALL
SELECT count(*) FROM patient p JOIN (SELECT subject_id, subject_id AS x FROM patient UNION ALL SELECT subject_id, 7 FROM patient) u USING (subject_id) WHERE u.x = p.subject_id
--: rows compared as a whole
SELECT count(*) FROM (SELECT 7 AS a, subject_id AS b FROM patient) q JOIN (SELECT subject_id AS a, 7 AS b FROM patient) r ON q.b = r.a WHERE row(q.a, q.b) = row(r.a, r.b)
--: whole rows compared
SELECT count(*) FROM (SELECT 7 AS a, subject_id AS b FROM patient) q JOIN (SELECT subject_id AS a, 7 AS b FROM patient) r ON q.b = r.a WHERE q = r
--: one patient joined from a list
SELECT count(*) FROM patient p JOIN (VALUES (7)) v(x) ON v.x = p.subject_id
--: one patient joined by USING
SELECT count(*) FROM patient JOIN (VALUES (7)) v(subject_id) USING (subject_id)
--: one patient joined naturally
SELECT count(*) FROM patient NATURAL JOIN (SELECT 7 AS subject_id)
--: one patient from a range
SELECT count(*) FROM range(7, 8) r(subject_id) JOIN patient USING (subject_id)
--: one patient by IN a list of values
SELECT count(*) FROM patient WHERE subject_id IN (VALUES (7))
--: one patient by ANY of a list
SELECT count(*) FROM patient WHERE subject_id = ANY ([7])
--: one patient by INTERSECT
SELECT count(*) FROM (SELECT subject_id FROM patient INTERSECT SELECT 7)
--: one patient by EXISTS
SELECT count(*) FROM patient WHERE EXISTS (SELECT 1 FROM death d WHERE d.subject_id = 7)
--: whether a patient died, by EXISTS that is not tied
SELECT count(*) FROM patient WHERE EXISTS (SELECT 1 FROM death WHERE birth_time < TIMESTAMP '1907-01-01')
--: EXISTS tied to itself
SELECT count(*) FROM patient WHERE EXISTS (SELECT 1 FROM death d WHERE d.subject_id = subject_id)
--: EXISTS tied by one of two conditions
SELECT count(*) FROM patient p WHERE EXISTS (SELECT 1 FROM death d WHERE d.subject_id = p.subject_id OR d.sex = 'other')
--: a value of one patient multiplied
SELECT sum(o.value) FROM patient p, observation o WHERE o.text_value = 'secret'
--: a value of one patient beside others
SELECT sum(o.value) FROM patient p LEFT JOIN observation o ON o.value > 100
--: tied by an outer join only
SELECT count(*) FROM patient a CROSS JOIN patient b LEFT JOIN patient c ON c.subject_id = a.subject_id AND c.subject_id = b.subject_id
--: a scalar subquery over others
SELECT count(*) FROM patient WHERE birth_time < (SELECT birth_time FROM patient WHERE sex = 'other' LIMIT 1)
--: a rank among patients
SELECT count(*) FROM (SELECT row_number() OVER (ORDER BY birth_time) AS k, died FROM patient) WHERE k = 1 AND died
--: a rank by counting
SELECT count(*) FROM patient p WHERE (SELECT count(*) FROM patient o WHERE o.subject_id < p.subject_id) = 6
--: the first by LIMIT
SELECT avg(value) FROM (SELECT value FROM observation ORDER BY start_time LIMIT 1)
--: all but the first by OFFSET
SELECT avg(value) FROM (SELECT value FROM observation ORDER BY start_time OFFSET 1)
--: a sample of one
SELECT avg(value) FROM (SELECT value FROM observation USING SAMPLE 1 ROWS)
--: a sample in FROM
SELECT avg(value) FROM observation TABLESAMPLE reservoir(1)
--: chance
SELECT count(*) FROM patient WHERE random() < 0.01
--: the least
SELECT min(birth_time) FROM patient
--: the greatest
SELECT sex, max(value) FROM observation JOIN patient USING (subject_id) GROUP BY sex
--: the second greatest
SELECT max(value, 2) FROM observation
--: any
SELECT any_value(birth_time) FROM patient
--: the first
SELECT first(value ORDER BY start_time) FROM observation
--: the value at the greatest
SELECT arg_max(value, start_time) FROM observation
--: the most frequent
SELECT mode(birth_time) FROM patient
--: all in a list
SELECT list(subject_id) FROM patient
--: all in a text
SELECT string_agg(sex, ',') FROM patient
--: all in JSON
SELECT json_group_array(birth_time) FROM patient
--: all in a map
SELECT histogram(birth_time) FROM patient
--: all bits
SELECT bit_or(subject_id) FROM patient
--: whether any
SELECT bool_or(died) FROM patient
--: a product
SELECT product(value) FROM observation
--: a sum of identifiers
SELECT sum(subject_id) FROM patient
--: a median of identifiers
SELECT quantile_cont(encounter_id, 0.5) FROM encounter
--: a median of times
SELECT median(birth_time) FROM patient
--: a quantile of texts
SELECT quantile_disc(text_value, 0.5) FROM observation
--: the end of a distribution
SELECT quantile_cont(value, 1.0) FROM observation
--: quantiles of which one is an end
SELECT quantile_cont(value, [0.5, 0]) FROM observation
--: a fraction that is computed
SELECT quantile_cont(value, 0.5 + 0.5) FROM observation
--: groups of single patients
SELECT subject_id, count(*) FROM event GROUP BY subject_id
--: groups of single stays
SELECT encounter_id, avg(value) FROM observation GROUP BY encounter_id
--: groups of single patients under another name
SELECT who, count(*) FROM (SELECT subject_id AS who FROM event) GROUP BY who
--: groups by number
SELECT subject_id, count(*) FROM event GROUP BY 1
--: GROUP BY ALL
SELECT subject_id, sex, count(*) FROM patient GROUP BY ALL
--: subtotals with patients
SELECT subject_id, count(*) FROM event GROUP BY ROLLUP (subject_id)
--: distinct patients
SELECT DISTINCT subject_id FROM patient
--: distinct rows
SELECT DISTINCT * FROM patient
--: one row for each
SELECT DISTINCT ON (subject_id) subject_id, sex FROM patient
--: union of rows
SELECT birth_time FROM patient UNION ALL SELECT death_time FROM death
--: union of a count and rows
SELECT count(*) FROM patient UNION ALL SELECT subject_id FROM patient
--: union without duplicates
SELECT count(*) FROM (SELECT code FROM condition UNION SELECT code FROM procedure)
--: a window over patients
SELECT sex, count(*) OVER () FROM patient
--: a window in a step
SELECT avg(m) FROM (SELECT max(value) OVER () AS m FROM observation)
--: QUALIFY over patients
SELECT count(*) FROM (SELECT subject_id FROM observation QUALIFY row_number() OVER (ORDER BY value DESC) = 1)
--: unnest of identifiers
SELECT u.x, count(*) FROM patient, unnest([subject_id]) AS u(x) GROUP BY u.x
--: a structure under the name of an identifier
SELECT count(*) FROM death d WHERE EXISTS (SELECT 1 FROM (SELECT unnest({'subject_id': 7})) WHERE subject_id = d.subject_id)
--: fields of a structure
SELECT count(*) FROM (SELECT s.* FROM (SELECT {'who': subject_id} AS s FROM patient)) WHERE who = 7
--: JSON of a row
SELECT count(*) FROM patient p WHERE to_json(p)->>'subject_id' = '7'
--: PIVOT on patients
PIVOT (SELECT subject_id, died FROM patient) ON subject_id IN (7, 8) USING count(*)
--: PIVOT in FROM
SELECT * FROM (SELECT subject_id, sex FROM patient) PIVOT (count(*) FOR subject_id IN (7))
--: UNPIVOT
SELECT n, count(*) FROM (SELECT subject_id, subject_id AS x FROM patient) UNPIVOT (n FOR what IN (subject_id, x)) GROUP BY n
--: columns by a pattern
SELECT COLUMNS('.*_time') FROM patient
--: an aggregate over columns
SELECT max(COLUMNS(*)) FROM patient
--: recursion through patients
WITH RECURSIVE t(n) AS (SELECT min(subject_id) FROM patient UNION ALL SELECT n + 1 FROM t WHERE n < 7) SELECT max(n) FROM t
--: numbers counted before
SELECT code, n_subjects FROM code
--: least and greatest values of a code
SELECT code, quantiles FROM code
--: original identifiers
SELECT count(*) FROM patient WHERE list_contains(identifiers, 'ward|7')
--: identifiers of records
SELECT count(*) FROM medication WHERE record_id = 'MedicationRequest/7'
--: a row number of the table
SELECT count(*) FROM event WHERE rowid = 7
--: with the schema
SELECT count(*) FROM main.condition WHERE main.condition.subject_id = 7
--: a name of ours
SELECT count(*) AS "§s1" FROM patient
--: a hidden column
SELECT count(*) FROM (SELECT sex FROM patient) t WHERE t."§s2" = 7
--: the value of a patient under HAVING
SELECT sex FROM patient GROUP BY sex HAVING max(subject_id) = 7
--: the value of a patient under ORDER BY
SELECT sex, count(*) FROM patient GROUP BY sex ORDER BY max(birth_time)
--: a result over all joined to patients
SELECT count(*) FROM patient p JOIN (SELECT sex, count(*) AS n FROM patient GROUP BY sex) g USING (sex)
--: titles that are not those of the group
SELECT a.code, any_value(b.description) FROM condition a JOIN condition b USING (subject_id) GROUP BY a.code
--: titles over everything
SELECT min(description) FROM condition
--: age on a day of another patient
SELECT count(*) FROM patient WHERE age_at(7, TIMESTAMP '2150-01-01') > 50
--: a value of another patient
SELECT count(*) FROM patient WHERE has_code_within(7, 'DIAGNOSIS//ICD//10//I509', TIMESTAMP '2150-01-01', '1 year')
--: length of a stay by number
SELECT count(*) FROM patient WHERE los_days(107) > 3
