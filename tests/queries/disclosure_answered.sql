--: how many patients
SELECT count(*) FROM patient
--: patients by sex
SELECT sex, count(*) AS n FROM patient WHERE sex <> 'other' GROUP BY sex ORDER BY sex
--: age bands by sex
SELECT age_at(subject_id, TIMESTAMP '2010-12-31') // 20 * 20 AS age, sex, count(*) AS n FROM patient WHERE sex <> 'other' AND age_at(subject_id, TIMESTAMP '2010-12-31') BETWEEN 20 AND 79 GROUP BY ALL ORDER BY ALL
--: age bands without a macro
SELECT year(birth_time) // 25 * 25 AS born, count(*) AS n FROM patient WHERE birth_time >= DATE '1930-01-01' GROUP BY born ORDER BY born
--: stays by class
SELECT class, count(*) AS stays, count(DISTINCT subject_id) AS patients FROM encounter GROUP BY class ORDER BY stays DESC
--: stays by month
SELECT date_trunc('month', start_time) AS month, count(*) AS n FROM encounter WHERE class = 'inpatient' AND start_time < TIMESTAMP '2010-05-01' GROUP BY month ORDER BY month
--: stays by weekday
SELECT isodow(start_time) >= 6 AS weekend, count(*) AS n FROM encounter GROUP BY ALL HAVING count(*) > 5 ORDER BY ALL
--: mean of a laboratory value by unit
SELECT code, unit, round(avg(value), 3) AS mean, count(value) AS n FROM observation WHERE value IS NOT NULL GROUP BY code, unit ORDER BY code
--: distribution of a laboratory value
SELECT quantile_cont(value, [0.25, 0.5, 0.75]) AS quartiles, stddev(value) AS sd FROM observation WHERE code = 'LAB//50912//mg/dL'
--: median by sex
SELECT sex, median(value) AS middle FROM observation JOIN patient USING (subject_id) WHERE sex <> 'other' GROUP BY sex ORDER BY sex
--: prevalence by chapter
SELECT left(split_part(code, '//', 4), 1) AS chapter, count(DISTINCT subject_id) AS patients FROM condition GROUP BY chapter ORDER BY chapter
--: diagnoses with their titles
SELECT code, any_value(description) AS title, count(DISTINCT subject_id) AS patients FROM condition GROUP BY code ORDER BY patients DESC, code
--: titles from the table of codes
SELECT e.code, min(c.description) AS title, count(*) AS n FROM event e JOIN code c USING (code) WHERE c.kind = 'condition' GROUP BY code ORDER BY n DESC, code
--: patients with a code or below it
SELECT count(DISTINCT subject_id) FROM condition WHERE descends_from(code, 'DIAGNOSIS//ICD//10//I509')
--: patients with two diagnoses
SELECT count(*) FROM patient p WHERE EXISTS (SELECT 1 FROM condition c WHERE c.subject_id = p.subject_id AND c.code LIKE '%I50%') AND EXISTS (SELECT 1 FROM condition c WHERE c.subject_id = p.subject_id AND c.code LIKE '%E11%')
--: patients with one and not the other
SELECT count(*) FROM patient WHERE subject_id IN (SELECT subject_id FROM condition WHERE code LIKE '%I50%') AND subject_id NOT IN (SELECT subject_id FROM condition WHERE code LIKE '%E11%')
--: sets of patients
SELECT count(*) FROM (SELECT subject_id FROM condition WHERE code LIKE '%I50%' INTERSECT SELECT subject_id FROM condition WHERE code LIKE '%E11%')
--: either of two diagnoses
SELECT count(*) FROM (SELECT subject_id FROM condition WHERE code LIKE '%I50%' UNION SELECT subject_id FROM condition WHERE code LIKE '%E11%')
--: share of the dead
SELECT round(100.0 * count(*) FILTER (WHERE died) / count(*), 1) AS percent FROM patient
--: share of the dead as an average
SELECT avg(died::INTEGER) AS share FROM patient
--: stays of each patient on average
SELECT round(avg(n), 2) AS mean FROM (SELECT subject_id, count(*) AS n FROM encounter GROUP BY subject_id)
--: values of each patient, then over patients
WITH own AS (SELECT subject_id, avg(value) AS mean FROM observation WHERE code = 'LAB//50912//mg/dL' GROUP BY subject_id) SELECT median(mean) AS middle, avg(mean) AS mean, count(*) AS patients FROM own
--: last value of each patient
SELECT avg(last) FROM (SELECT subject_id, arg_max(value, start_time) AS last FROM observation WHERE code = 'LAB//50912//mg/dL' GROUP BY subject_id)
--: first value of each patient by a window
SELECT avg(value) FROM (SELECT value, row_number() OVER (PARTITION BY subject_id ORDER BY start_time) AS k FROM observation) WHERE k = 1
--: first stay of each patient
SELECT class, count(*) AS n FROM (SELECT * FROM encounter WHERE class <> 'icu' QUALIFY row_number() OVER (PARTITION BY subject_id ORDER BY start_time) = 1) GROUP BY class ORDER BY class
--: length of stay
SELECT class, median(los_days(start_time, end_time)) AS days, quantile_cont(los_days(start_time, end_time), 0.75) AS upper FROM encounter GROUP BY class ORDER BY class
--: length of stay as a span
SELECT avg(end_time - start_time) AS mean FROM encounter WHERE class = 'inpatient'
--: readmission
SELECT count(*) FROM (SELECT start_time, lag(end_time) OVER (PARTITION BY subject_id ORDER BY start_time) AS before FROM encounter WHERE class = 'inpatient') WHERE start_time <= before + INTERVAL 60 DAY
--: values within a day of the admission
SELECT count(DISTINCT e.encounter_id) FROM encounter e JOIN observation o ON o.subject_id = e.subject_id AND o.start_time BETWEEN e.start_time AND e.start_time + INTERVAL 1 DAY
--: values of a stay
SELECT e.class, avg(o.value) AS mean FROM encounter e JOIN observation o USING (encounter_id) GROUP BY e.class ORDER BY e.class
--: patients without a medication
SELECT count(*) FROM patient ANTI JOIN medication USING (subject_id)
--: patients with a medication
SELECT count(*) FROM patient SEMI JOIN medication USING (subject_id)
--: outer join
SELECT count(m.subject_id) AS doses, count(DISTINCT p.subject_id) AS patients FROM patient p LEFT JOIN medication m USING (subject_id) WHERE m.code LIKE 'MED%'
--: a lateral subquery
SELECT avg(l.n) FROM patient p, LATERAL (SELECT count(*) AS n FROM encounter e WHERE e.subject_id = p.subject_id) l
--: a subquery for each patient
SELECT avg((SELECT count(*) FROM encounter e WHERE e.subject_id = p.subject_id)) AS mean FROM patient p
--: percent of all
SELECT class, round(100.0 * count(*) / sum(count(*)) OVER (), 1) AS percent FROM encounter GROUP BY class ORDER BY class
--: subtotals
SELECT class, sex, count(*) AS n FROM encounter JOIN patient USING (subject_id) WHERE sex <> 'other' GROUP BY ROLLUP (class, sex) ORDER BY ALL
--: named grouping sets
SELECT grouping(class) AS level, class, count(*) AS n FROM encounter GROUP BY GROUPING SETS ((class), ()) ORDER BY ALL
--: totals beside each other
SELECT (SELECT count(*) FROM patient) AS patients, (SELECT count(*) FROM encounter) AS stays
--: two results in one
SELECT 'patients' AS what, count(*) AS n FROM patient UNION ALL SELECT 'stays', count(*) FROM encounter
--: a step that is a result
WITH by_class AS (SELECT class, count(*) AS n FROM encounter GROUP BY class) SELECT class FROM by_class WHERE n = (SELECT max(n) FROM by_class)
--: groups that many share
SELECT DISTINCT class FROM encounter ORDER BY class
--: codes in use
SELECT code, description FROM code WHERE kind = 'condition' ORDER BY code
--: codes below a concept
SELECT code FROM code WHERE descends_from(code, 'DIAGNOSIS//ICD//10//I509')
--: no patients at all
SELECT 1 + 1 AS two
--: rising values
SELECT count(DISTINCT a.subject_id) FROM observation a JOIN observation b ON a.subject_id = b.subject_id AND b.start_time > a.start_time WHERE b.value > a.value
--: the nearest value before
SELECT count(*) AS n, avg(o.value) AS mean FROM encounter e ASOF JOIN observation o ON e.subject_id = o.subject_id AND e.end_time >= o.start_time
--: whether a code is near
SELECT count(*) FROM encounter WHERE has_code_within(subject_id, 'DIAGNOSIS//ICD//10//I509', start_time, '1 year')
