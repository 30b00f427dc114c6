--: patients with a rare birth
SELECT count(*) FROM patient WHERE birth_time = TIMESTAMP '1920-02-03'
--: nobody
SELECT count(*) FROM patient WHERE birth_time = TIMESTAMP '1820-02-03'
--: a condition inside a count
SELECT count(CASE WHEN birth_time = TIMESTAMP '1920-02-03' THEN 1 END) FROM patient
--: a condition inside a sum
SELECT sum(CASE WHEN birth_time = TIMESTAMP '1920-02-03' THEN 1 ELSE 0 END) FROM patient
--: a condition inside an average
SELECT avg(CASE WHEN birth_time = TIMESTAMP '1920-02-03' THEN 1 ELSE 0 END) FROM patient
--: a condition cast to a number
SELECT avg((birth_time = TIMESTAMP '1920-02-03')::INTEGER) FROM patient
--: an average of one and two
SELECT avg(CASE WHEN birth_time = TIMESTAMP '1920-02-03' THEN 2 ELSE 1 END) FROM patient
--: a condition in a FILTER
SELECT count(*) FILTER (WHERE birth_time = TIMESTAMP '1920-02-03') FROM patient
--: all but a condition in a FILTER
SELECT count(*) FILTER (WHERE birth_time <> TIMESTAMP '1920-02-03') FROM patient
--: a count of true
SELECT count_if(birth_time = TIMESTAMP '1920-02-03') FROM patient
--: a flag made for each patient
WITH f AS (SELECT subject_id, max(CASE WHEN birth_time = TIMESTAMP '1920-02-03' THEN 1 ELSE 0 END) AS x FROM patient GROUP BY subject_id) SELECT avg(x), sum(x), stddev(x) FROM f
--: distinct patients under a condition
SELECT count(DISTINCT CASE WHEN birth_time = TIMESTAMP '1920-02-03' THEN subject_id END) FROM patient
--: a value that outweighs all others
SELECT sum(value * CASE WHEN birth_time = TIMESTAMP '1920-02-03' THEN 1000000 ELSE 1 END) FROM observation JOIN patient USING (subject_id)
--: an average that one patient makes
SELECT avg(CASE WHEN birth_time = TIMESTAMP '1920-02-03' THEN value * 1000000 ELSE 0.001 * value END) FROM observation JOIN patient USING (subject_id)
--: many rows of one patient
SELECT count(*) FROM observation o JOIN patient p USING (subject_id) JOIN range(5000) r(n) ON r.n = 0 OR p.birth_time = TIMESTAMP '1920-02-03'
--: the average of a few
SELECT avg(value) FROM observation JOIN patient USING (subject_id) WHERE sex = 'other'
--: the deviation of a few
SELECT stddev(value), variance(value), sum(value) FROM observation JOIN patient USING (subject_id) WHERE sex = 'other'
--: the median of a few
SELECT median(value) FROM observation JOIN patient USING (subject_id) WHERE sex = 'other'
--: the tail of a distribution
SELECT quantile_cont(value, 0.999) FROM observation
--: groups by birth
SELECT birth_time FROM patient GROUP BY birth_time
--: groups by what is rare
SELECT sex FROM patient WHERE sex = 'other' GROUP BY sex HAVING count(*) = 3
--: a small group asked for by HAVING
SELECT birth_time, count(*) FROM patient GROUP BY birth_time HAVING count(*) <= 3
--: a small group asked for by ORDER BY and LIMIT
SELECT birth_time, count(*) FROM patient GROUP BY birth_time ORDER BY count(*) LIMIT 1
--: a small group through a second query
SELECT n FROM (SELECT birth_time, count(*) AS n FROM patient GROUP BY birth_time) WHERE n < 11
--: the least of small groups
SELECT min(n) FROM (SELECT birth_time, count(*) AS n FROM patient GROUP BY birth_time)
--: distinct values that few have
SELECT DISTINCT birth_time FROM patient
--: a list of what few have
SELECT list(birth_time) FILTER (WHERE birth_time IS NOT NULL) FROM (SELECT DISTINCT birth_time FROM patient)
--: free text of one patient
SELECT text_value FROM observation WHERE text_value IS NOT NULL GROUP BY text_value
--: a scalar subquery of a few
SELECT (SELECT count(*) FROM patient WHERE sex = 'other')
--: a difference within a query
SELECT (SELECT count(*) FROM patient WHERE sex = 'other') - 0
--: EXISTS for one
SELECT count(*) FROM patient p WHERE EXISTS (SELECT 1 FROM observation o WHERE o.subject_id = p.subject_id AND o.text_value = 'secret')
--: membership of one
SELECT count(*) FROM patient WHERE subject_id IN (SELECT subject_id FROM observation WHERE text_value = 'secret')
--: NOT IN with a NULL
SELECT count(*) FROM patient WHERE sex = 'other' AND subject_id NOT IN (SELECT o.subject_id FROM patient p LEFT JOIN observation o ON o.subject_id = p.subject_id AND o.value < 0)
--: whether a query fails, by a cast
SELECT count(*) FROM patient WHERE sex = 'other' AND (CASE WHEN sex = 'other' THEN 'x' ELSE '1' END)::INTEGER IS NULL
--: whether a query fails, by a logarithm
SELECT count(*) FROM patient WHERE sex = 'other' AND ln(CASE WHEN sex = 'other' THEN -1 ELSE year(birth_time) END) IS NULL
--: whether a query fails, by an overflow
SELECT count(*) FROM patient WHERE sex = 'other' AND 9223372036854775807 + (CASE WHEN sex = 'other' THEN 1 ELSE 0 END) IS NULL
--: whether a query fails, by a time
SELECT count(*) FROM patient WHERE sex = 'other' AND birth_time + to_years(CASE WHEN sex = 'other' THEN 2000000 ELSE 0 END) IS NULL
