--: M01
SELECT count(*) FROM patient
--: M02
SELECT count(*) FROM encounter WHERE class = 'inpatient'
--: M04
SELECT count(*) FROM encounter WHERE class = 'inpatient' AND disposition = 'DIED'
--: M06
SELECT count(DISTINCT subject_id) FROM condition WHERE code LIKE 'DIAGNOSIS//ICD//9//428%' OR code LIKE 'DIAGNOSIS//ICD//10//I50%'
--: M07
SELECT median(epoch(end_time) - epoch(start_time)) / 86400 FROM encounter WHERE class = 'inpatient'
--: M11
WITH stay AS (
    SELECT start_time, lag(end_time) OVER (PARTITION BY subject_id ORDER BY start_time, encounter_id) AS before
    FROM encounter WHERE class = 'inpatient'
)
SELECT count(*) FROM stay WHERE start_time BETWEEN before AND before + INTERVAL 7 DAY
--: M13
SELECT count(*), count(*) FILTER (WHERE subject_id IN (SELECT subject_id FROM encounter WHERE disposition = 'DIED'))
FROM death
--: M15
SELECT type, count(*) AS n FROM encounter WHERE class = 'inpatient' GROUP BY type ORDER BY n DESC, type
--: M17
SELECT count(DISTINCT encounter_id) FROM condition
WHERE code LIKE 'DIAGNOSIS//ICD//9//584%' OR code LIKE 'DIAGNOSIS//ICD//10//N17%'
--: M19
SELECT resource, rows_in FROM tally
WHERE resource LIKE 'hosp/%' AND resource NOT LIKE 'hosp/d\_%' ESCAPE '\' AND resource NOT IN ('hosp/patients', 'hosp/provider', 'hosp/poe_detail')
ORDER BY resource
--: M21
SELECT count(*), count(DISTINCT encounter_id), count(*) FILTER (WHERE value > 130)
FROM observation WHERE code LIKE 'LAB//220045//%' AND value IS NOT NULL
--: M24
WITH first_value_of_stay AS (
    SELECT o.value FROM encounter e
    JOIN observation o ON o.subject_id = e.subject_id AND o.start_time BETWEEN e.start_time AND e.end_time
    WHERE e.class = 'inpatient' AND o.code LIKE 'LAB//50971//%' AND o.value IS NOT NULL
    QUALIFY row_number() OVER (PARTITION BY e.encounter_id ORDER BY o.start_time, o.value) = 1
)
SELECT median(value), count(*) FROM first_value_of_stay
--: M25
SELECT count(DISTINCT subject_id), count(*) FROM medication
WHERE code ILIKE 'MEDICATION//%furosemide%' AND status = 'Administered'
--: M28
SELECT count(DISTINCT e.encounter_id) FROM encounter e
JOIN observation o ON o.subject_id = e.subject_id AND o.start_time BETWEEN e.start_time AND e.start_time + INTERVAL 6 HOUR
WHERE e.class = 'icu' AND o.code LIKE 'LAB//50813//%' AND o.value > 4
--: M29
SELECT count(DISTINCT encounter_id) FROM procedure WHERE code = 'PROCEDURE//START//225792'
--: M31
SELECT median(epoch(end_time) - epoch(start_time)) / 3600, count(*) FROM encounter WHERE class = 'emergency'
--: M34
WITH of_patient AS (
    SELECT replace(s.file, '.csv.gz', '') AS name, e.code FROM event e JOIN source s USING (source_id)
    WHERE e.subject_id = 10014354
)
SELECT name, count(*) AS n FROM of_patient
WHERE name IN ('hosp/diagnoses_icd', 'hosp/emar', 'hosp/labevents', 'icu/chartevents')
   OR name = 'hosp/admissions' AND code LIKE 'HOSPITAL\_ADMISSION//%' ESCAPE '\'
   OR name = 'icu/inputevents' AND code LIKE 'INFUSION\_START//%' ESCAPE '\'
GROUP BY name ORDER BY name
--: M36
SELECT split_part(code, '//', 3)::INTEGER AS version, split_part(code, '//', 4) AS icd, count(DISTINCT subject_id) AS n
FROM condition WHERE code LIKE 'DIAGNOSIS//ICD//%' GROUP BY ALL ORDER BY n DESC, version, icd LIMIT 10
--: M38
SELECT count(*), count(time) FROM event
--: F01
SELECT count(*), count(*) FILTER (WHERE died OR subject_id IN (SELECT subject_id FROM event WHERE code = 'MEDS_DEATH'))
FROM patient
--: F02
SELECT resource, sum(rows_in)::BIGINT AS n FROM tally GROUP BY resource ORDER BY resource
--: F03
SELECT CASE class WHEN 'ambulatory' THEN 'AMB' WHEN 'emergency' THEN 'EMER' WHEN 'inpatient' THEN 'IMP' WHEN 'home' THEN 'HH' END AS code,
       count(*) AS n
FROM encounter GROUP BY code ORDER BY n DESC, code
--: F06
SELECT count(DISTINCT subject_id) FROM condition WHERE code = 'CONDITION//SNOMED//15777000'
--: F09
WITH last_bmi AS (
    SELECT arg_max(value, row(start_time, value)) AS value FROM observation
    WHERE code LIKE '%//LOINC//39156-5//%' AND value IS NOT NULL GROUP BY subject_id
)
SELECT count(*) FILTER (WHERE value >= 30), count(*) FROM last_bmi
--: F11
WITH part AS (
    SELECT split_part(record_id, '.component', 1) AS root, record_id NOT LIKE '%.component%' AS is_own,
           numeric_value, text_value, value_code
    FROM event WHERE record_id LIKE 'Observation/%'
), kind AS (
    SELECT CASE WHEN bool_or(is_own AND numeric_value IS NOT NULL) THEN 'quantity'
                WHEN bool_or(is_own AND value_code IS NOT NULL) THEN 'concept'
                WHEN bool_or(is_own AND text_value IS NOT NULL) THEN 'string'
                WHEN bool_or(NOT is_own) THEN 'component' ELSE 'none' END AS k
    FROM part GROUP BY root
)
SELECT k, count(*) FROM kind GROUP BY k ORDER BY count(*) DESC, k
--: F11
WITH record AS (
    SELECT split_part(record_id, '.component', 1) AS id, bool_or(record_id LIKE '%.component%') AS has_components,
           any_value(numeric_value) FILTER (WHERE record_id NOT LIKE '%.component%') AS number,
           any_value(value_code) FILTER (WHERE record_id NOT LIKE '%.component%') AS coded,
           any_value(text_value) FILTER (WHERE record_id NOT LIKE '%.component%') AS words
    FROM event WHERE record_id LIKE 'Observation/%' GROUP BY id
)
SELECT CASE WHEN number IS NOT NULL THEN 'quantity' WHEN coded IS NOT NULL THEN 'concept'
            WHEN words IS NOT NULL THEN 'string' WHEN has_components THEN 'component' ELSE 'none' END AS kind,
       count(*) AS n
FROM record GROUP BY kind ORDER BY n DESC, kind
--: F13
SELECT strftime(min(start_time), '%Y-%m-%dT%H:%M:%SZ'), strftime(max(start_time), '%Y-%m-%dT%H:%M:%SZ') FROM encounter
--: F15
SELECT count(*) FILTER (WHERE end_time IS NULL), count(*) FILTER (WHERE status = 'active'), count(*)
FROM event WHERE record_id LIKE 'Condition/%'
--: F17
SELECT count(*), median(epoch(end_time) - epoch(start_time)) / 3600 FROM encounter WHERE class = 'inpatient'
--: F19
WITH named AS (
    SELECT subject_id, unnest(identifiers) AS identifier FROM subject
),
id AS (
    SELECT subject_id, replace(identifier, 'Patient/', '') AS patient FROM named WHERE identifier LIKE 'Patient/%'
),
record AS (
    SELECT DISTINCT subject_id, split_part(record_id, '.component', 1) AS record FROM event
    WHERE split_part(record_id, '/', 1) IN
          ('Condition', 'Encounter', 'Observation', 'MedicationRequest', 'Procedure', 'Immunization')
)
SELECT patient, count(*) AS n FROM record JOIN id USING (subject_id) GROUP BY patient ORDER BY patient
--: F21
SELECT count(*), count(DISTINCT subject_id) FROM encounter WHERE class = 'emergency'
--: O01
SELECT (SELECT count(*) FROM patient), (SELECT count(*) FROM encounter)
--: O04
SELECT list_sort(list(year(death_time) - year(birth_time))) FROM patient WHERE died
