--: WITH => [(3,)]
WITH long AS (FROM encounter WHERE end_time - start_time > INTERVAL 10 DAY) SELECT count(*) FROM long
--: WITH RECURSIVE => [(128,)]
WITH RECURSIVE t(n) AS (SELECT 1 UNION ALL SELECT n * 2 FROM t WHERE n < 100) SELECT max(n) FROM t
--: a subquery => [(10,), (11,), (12,)]
SELECT subject_id FROM patient WHERE subject_id > ALL (SELECT subject_id FROM death) ORDER BY 1
--: EXCEPT => [(9,)]
SELECT subject_id FROM death EXCEPT SELECT subject_id FROM encounter WHERE class = 'icu'
--: INTERSECT => [(4,)]
SELECT subject_id FROM death INTERSECT SELECT subject_id FROM encounter WHERE class = 'icu'
--: UNION ALL => [(4,)]
SELECT count(*) FROM (SELECT subject_id FROM death UNION ALL SELECT subject_id FROM death)
--: LATERAL => [(1, 1), (6, 4)]
SELECT p.subject_id, l.n
FROM patient p, LATERAL (SELECT count(*) AS n FROM encounter e WHERE e.subject_id = p.subject_id) l
WHERE p.subject_id IN (1, 6) ORDER BY 1
--: QUALIFY => [(6,), (12,)]
SELECT subject_id FROM encounter
QUALIFY count(*) OVER (PARTITION BY subject_id) = 4 AND class = 'icu' ORDER BY 1
--: a window => [(None,), (0.2,), (0.2,)]
SELECT round((value - lag(value) OVER (ORDER BY start_time))::DOUBLE, 3) FROM observation
WHERE code LIKE 'LAB//50912%' AND subject_id = 3 ORDER BY start_time
--: the frame of a window => [(1, 1), (2, 3), (3, 5), (4, 7)]
SELECT n, sum(n) OVER (ORDER BY n ROWS BETWEEN 1 PRECEDING AND CURRENT ROW)::INTEGER FROM (SELECT unnest([1, 2, 3, 4]) AS n)
--: PIVOT => [(1, 0, 0, 1), (2, 1, 0, 1), (3, 0, 1, 2)]
PIVOT encounter ON class IN ('icu', 'emergency', 'inpatient') USING count(*)
GROUP BY subject_id ORDER BY subject_id LIMIT 3
--: UNPIVOT => [('a', 1), ('b', 2)]
UNPIVOT (SELECT 1 AS a, 2 AS b) ON a, b INTO NAME what VALUE n ORDER BY n
--: SAMPLE => [(5,)]
SELECT count(*) FROM (FROM patient USING SAMPLE 5 ROWS)
--: TABLESAMPLE => [(7,)]
SELECT count(*) FROM patient TABLESAMPLE reservoir(7)
--: ROLLUP => [('emergency', None, 4), ('icu', None, 6), (None, None, 10)]
SELECT class, disposition, count(*) FROM encounter WHERE class <> 'inpatient'
GROUP BY ROLLUP (class, disposition) HAVING disposition IS NULL AND grouping(disposition) = 1 ORDER BY 3
--: ASOF JOIN => [(4, 4), (9, None)]
SELECT d.subject_id, i.subject_id FROM death d
ASOF LEFT JOIN (SELECT subject_id, start_time FROM encounter WHERE class = 'icu') i
ON d.subject_id = i.subject_id AND d.death_time >= i.start_time ORDER BY 1
