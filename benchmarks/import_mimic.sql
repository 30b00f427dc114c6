-- The bare query of benchmarks/import_mimic.py: MIMIC-IV tables to one event table, sorted by patient and time.
-- No checks, row numbers, ledger, stays, patients, titles, counts or quantiles; a bad cell stops it.
-- $ROOT is the folder of the tables.

CREATE TABLE event AS
SELECT subject_id::BIGINT AS subject_id, edregtime::TIMESTAMP AS "time",
       'ED_REGISTRATION' AS code,
       NULL::FLOAT AS numeric_value, NULL::VARCHAR AS text_value, NULL::VARCHAR AS unit,
       hadm_id::BIGINT AS encounter_id, edouttime::TIMESTAMP AS end_time, NULL::VARCHAR AS status
FROM read_csv('$ROOT/hosp/admissions.csv.gz', all_varchar = true)
WHERE edregtime IS NOT NULL
UNION ALL
SELECT subject_id::BIGINT AS subject_id, edouttime::TIMESTAMP AS "time",
       'ED_OUT' AS code,
       NULL::FLOAT AS numeric_value, NULL::VARCHAR AS text_value, NULL::VARCHAR AS unit,
       hadm_id::BIGINT AS encounter_id, NULL::TIMESTAMP AS end_time, NULL::VARCHAR AS status
FROM read_csv('$ROOT/hosp/admissions.csv.gz', all_varchar = true)
WHERE edouttime IS NOT NULL
UNION ALL
SELECT subject_id::BIGINT AS subject_id, admittime::TIMESTAMP AS "time",
       concat_ws('//', 'HOSPITAL_ADMISSION', admission_type, coalesce(admission_location, 'UNK')) AS code,
       NULL::FLOAT AS numeric_value, NULL::VARCHAR AS text_value, NULL::VARCHAR AS unit,
       hadm_id::BIGINT AS encounter_id, dischtime::TIMESTAMP AS end_time, NULL::VARCHAR AS status
FROM read_csv('$ROOT/hosp/admissions.csv.gz', all_varchar = true)
WHERE admittime IS NOT NULL
UNION ALL
SELECT subject_id::BIGINT AS subject_id, dischtime::TIMESTAMP AS "time",
       concat_ws('//', 'HOSPITAL_DISCHARGE', coalesce(discharge_location, 'UNK')) AS code,
       NULL::FLOAT AS numeric_value, NULL::VARCHAR AS text_value, NULL::VARCHAR AS unit,
       hadm_id::BIGINT AS encounter_id, NULL::TIMESTAMP AS end_time, NULL::VARCHAR AS status
FROM read_csv('$ROOT/hosp/admissions.csv.gz', all_varchar = true)
WHERE dischtime IS NOT NULL
UNION ALL
SELECT subject_id::BIGINT AS subject_id, (make_timestamp(anchor_year::INT - anchor_age::INT, 1, 1, 0, 0, 0))::TIMESTAMP AS "time",
       'MEDS_BIRTH' AS code,
       NULL::FLOAT AS numeric_value, NULL::VARCHAR AS text_value, NULL::VARCHAR AS unit,
       NULL::BIGINT AS encounter_id, NULL::TIMESTAMP AS end_time, NULL::VARCHAR AS status
FROM read_csv('$ROOT/hosp/patients.csv.gz', all_varchar = true)
WHERE make_timestamp(anchor_year::INT - anchor_age::INT, 1, 1, 0, 0, 0) IS NOT NULL
UNION ALL
SELECT subject_id::BIGINT AS subject_id, dod::TIMESTAMP AS "time",
       'MEDS_DEATH' AS code,
       NULL::FLOAT AS numeric_value, NULL::VARCHAR AS text_value, NULL::VARCHAR AS unit,
       NULL::BIGINT AS encounter_id, NULL::TIMESTAMP AS end_time, NULL::VARCHAR AS status
FROM read_csv('$ROOT/hosp/patients.csv.gz', all_varchar = true)
WHERE dod IS NOT NULL
UNION ALL
SELECT subject_id::BIGINT AS subject_id, intime::TIMESTAMP AS "time",
       'ICU_ADMISSION//' || first_careunit AS code,
       NULL::FLOAT AS numeric_value, NULL::VARCHAR AS text_value, NULL::VARCHAR AS unit,
       stay_id::BIGINT AS encounter_id, outtime::TIMESTAMP AS end_time, NULL::VARCHAR AS status
FROM read_csv('$ROOT/icu/icustays.csv.gz', all_varchar = true)
WHERE intime IS NOT NULL
UNION ALL
SELECT subject_id::BIGINT AS subject_id, outtime::TIMESTAMP AS "time",
       'ICU_DISCHARGE//' || last_careunit AS code,
       NULL::FLOAT AS numeric_value, NULL::VARCHAR AS text_value, NULL::VARCHAR AS unit,
       stay_id::BIGINT AS encounter_id, NULL::TIMESTAMP AS end_time, NULL::VARCHAR AS status
FROM read_csv('$ROOT/icu/icustays.csv.gz', all_varchar = true)
WHERE outtime IS NOT NULL
UNION ALL
SELECT subject_id::BIGINT AS subject_id, intime::TIMESTAMP AS "time",
       concat_ws('//', 'TRANSFER_TO', eventtype, coalesce(careunit, 'UNK')) AS code,
       NULL::FLOAT AS numeric_value, NULL::VARCHAR AS text_value, NULL::VARCHAR AS unit,
       hadm_id::BIGINT AS encounter_id, outtime::TIMESTAMP AS end_time, NULL::VARCHAR AS status
FROM read_csv('$ROOT/hosp/transfers.csv.gz', all_varchar = true)
WHERE intime IS NOT NULL
UNION ALL
SELECT subject_id::BIGINT AS subject_id, transfertime::TIMESTAMP AS "time",
       'SERVICE//' || curr_service AS code,
       NULL::FLOAT AS numeric_value, NULL::VARCHAR AS text_value, NULL::VARCHAR AS unit,
       hadm_id::BIGINT AS encounter_id, NULL::TIMESTAMP AS end_time, NULL::VARCHAR AS status
FROM read_csv('$ROOT/hosp/services.csv.gz', all_varchar = true)
WHERE transfertime IS NOT NULL
UNION ALL
SELECT subject_id::BIGINT AS subject_id, dischtime::TIMESTAMP AS "time",
       concat_ws('//', 'DIAGNOSIS', 'ICD', icd_version, icd_code) AS code,
       NULL::FLOAT AS numeric_value, NULL::VARCHAR AS text_value, NULL::VARCHAR AS unit,
       hadm_id::BIGINT AS encounter_id, NULL::TIMESTAMP AS end_time, NULL::VARCHAR AS status
FROM read_csv('$ROOT/hosp/diagnoses_icd.csv.gz', all_varchar = true)
JOIN (SELECT hadm_id, dischtime FROM read_csv('$ROOT/hosp/admissions.csv.gz', all_varchar = true)) USING (hadm_id)
WHERE dischtime IS NOT NULL
UNION ALL
SELECT subject_id::BIGINT AS subject_id, chartdate::TIMESTAMP AS "time",
       concat_ws('//', 'PROCEDURE', 'ICD', icd_version, icd_code) AS code,
       NULL::FLOAT AS numeric_value, NULL::VARCHAR AS text_value, NULL::VARCHAR AS unit,
       hadm_id::BIGINT AS encounter_id, NULL::TIMESTAMP AS end_time, NULL::VARCHAR AS status
FROM read_csv('$ROOT/hosp/procedures_icd.csv.gz', all_varchar = true)
WHERE chartdate IS NOT NULL
UNION ALL
SELECT subject_id::BIGINT AS subject_id, dischtime::TIMESTAMP AS "time",
       concat_ws('//', 'DRG', drg_type, drg_code, description) AS code,
       NULL::FLOAT AS numeric_value, NULL::VARCHAR AS text_value, NULL::VARCHAR AS unit,
       hadm_id::BIGINT AS encounter_id, NULL::TIMESTAMP AS end_time, NULL::VARCHAR AS status
FROM read_csv('$ROOT/hosp/drgcodes.csv.gz', all_varchar = true)
JOIN (SELECT hadm_id, dischtime FROM read_csv('$ROOT/hosp/admissions.csv.gz', all_varchar = true)) USING (hadm_id)
WHERE dischtime IS NOT NULL
UNION ALL
SELECT subject_id::BIGINT AS subject_id, chartdate::TIMESTAMP AS "time",
       'HCPCS//' || short_description AS code,
       NULL::FLOAT AS numeric_value, hcpcs_cd AS text_value, NULL::VARCHAR AS unit,
       hadm_id::BIGINT AS encounter_id, NULL::TIMESTAMP AS end_time, NULL::VARCHAR AS status
FROM read_csv('$ROOT/hosp/hcpcsevents.csv.gz', all_varchar = true)
WHERE chartdate IS NOT NULL
UNION ALL
SELECT subject_id::BIGINT AS subject_id, chartdate::TIMESTAMP AS "time",
       result_name AS code,
       (try_cast(result_value AS FLOAT))::FLOAT AS numeric_value, result_value AS text_value, NULL::VARCHAR AS unit,
       NULL::BIGINT AS encounter_id, NULL::TIMESTAMP AS end_time, NULL::VARCHAR AS status
FROM read_csv('$ROOT/hosp/omr.csv.gz', all_varchar = true)
WHERE chartdate IS NOT NULL
UNION ALL
SELECT subject_id::BIGINT AS subject_id, (coalesce(charttime, chartdate))::TIMESTAMP AS "time",
       concat_ws('//', 'MICROBIOLOGY', test_itemid, org_itemid, ab_itemid) AS code,
       dilution_value::FLOAT AS numeric_value, interpretation AS text_value, NULL::VARCHAR AS unit,
       hadm_id::BIGINT AS encounter_id, NULL::TIMESTAMP AS end_time, NULL::VARCHAR AS status
FROM read_csv('$ROOT/hosp/microbiologyevents.csv.gz', all_varchar = true)
WHERE coalesce(charttime, chartdate) IS NOT NULL
UNION ALL
SELECT subject_id::BIGINT AS subject_id, starttime::TIMESTAMP AS "time",
       'MEDICATION//START//' || coalesce(medication, 'UNK') AS code,
       NULL::FLOAT AS numeric_value, NULL::VARCHAR AS text_value, NULL::VARCHAR AS unit,
       hadm_id::BIGINT AS encounter_id, stoptime::TIMESTAMP AS end_time, status AS status
FROM read_csv('$ROOT/hosp/pharmacy.csv.gz', all_varchar = true)
WHERE starttime IS NOT NULL
UNION ALL
SELECT subject_id::BIGINT AS subject_id, stoptime::TIMESTAMP AS "time",
       'MEDICATION//STOP//' || coalesce(medication, 'UNK') AS code,
       NULL::FLOAT AS numeric_value, NULL::VARCHAR AS text_value, NULL::VARCHAR AS unit,
       hadm_id::BIGINT AS encounter_id, NULL::TIMESTAMP AS end_time, status AS status
FROM read_csv('$ROOT/hosp/pharmacy.csv.gz', all_varchar = true)
WHERE stoptime IS NOT NULL
UNION ALL
SELECT subject_id::BIGINT AS subject_id, starttime::TIMESTAMP AS "time",
       'PRESCRIPTION//' || drug AS code,
       (try_cast(dose_val_rx AS FLOAT))::FLOAT AS numeric_value, NULL::VARCHAR AS text_value, dose_unit_rx AS unit,
       hadm_id::BIGINT AS encounter_id, stoptime::TIMESTAMP AS end_time, drug_type AS status
FROM read_csv('$ROOT/hosp/prescriptions.csv.gz', all_varchar = true)
WHERE starttime IS NOT NULL
UNION ALL
SELECT subject_id::BIGINT AS subject_id, charttime::TIMESTAMP AS "time",
       concat_ws('//', 'MEDICATION', coalesce(medication, 'UNK'), coalesce(event_txt, 'UNK')) AS code,
       NULL::FLOAT AS numeric_value, NULL::VARCHAR AS text_value, NULL::VARCHAR AS unit,
       hadm_id::BIGINT AS encounter_id, NULL::TIMESTAMP AS end_time, event_txt AS status
FROM read_csv('$ROOT/hosp/emar.csv.gz', all_varchar = true)
WHERE charttime IS NOT NULL
UNION ALL
SELECT subject_id::BIGINT AS subject_id, charttime::TIMESTAMP AS "time",
       concat_ws('//', 'LAB', itemid, coalesce(valueuom, 'UNK')) AS code,
       valuenum::FLOAT AS numeric_value, CASE WHEN valuenum IS NULL THEN value END AS text_value, valueuom AS unit,
       hadm_id::BIGINT AS encounter_id, NULL::TIMESTAMP AS end_time, NULL::VARCHAR AS status
FROM read_csv('$ROOT/hosp/labevents.csv.gz', all_varchar = true)
WHERE charttime IS NOT NULL
UNION ALL
SELECT subject_id::BIGINT AS subject_id, charttime::TIMESTAMP AS "time",
       concat_ws('//', 'LAB', itemid, coalesce(valueuom, 'UNK')) AS code,
       valuenum::FLOAT AS numeric_value, CASE WHEN valuenum IS NULL THEN value END AS text_value, valueuom AS unit,
       (coalesce(stay_id, hadm_id))::BIGINT AS encounter_id, NULL::TIMESTAMP AS end_time, NULL::VARCHAR AS status
FROM read_csv('$ROOT/icu/chartevents.csv.gz', all_varchar = true)
WHERE charttime IS NOT NULL
UNION ALL
SELECT subject_id::BIGINT AS subject_id, charttime::TIMESTAMP AS "time",
       concat_ws('//', 'SUBJECT_FLUID_OUTPUT', itemid, coalesce(valueuom, 'UNK')) AS code,
       value::FLOAT AS numeric_value, NULL::VARCHAR AS text_value, valueuom AS unit,
       (coalesce(stay_id, hadm_id))::BIGINT AS encounter_id, NULL::TIMESTAMP AS end_time, NULL::VARCHAR AS status
FROM read_csv('$ROOT/icu/outputevents.csv.gz', all_varchar = true)
WHERE charttime IS NOT NULL
UNION ALL
SELECT subject_id::BIGINT AS subject_id, starttime::TIMESTAMP AS "time",
       'PROCEDURE//START//' || itemid AS code,
       NULL::FLOAT AS numeric_value, NULL::VARCHAR AS text_value, NULL::VARCHAR AS unit,
       (coalesce(stay_id, hadm_id))::BIGINT AS encounter_id, endtime::TIMESTAMP AS end_time, statusdescription AS status
FROM read_csv('$ROOT/icu/procedureevents.csv.gz', all_varchar = true)
WHERE starttime IS NOT NULL
UNION ALL
SELECT subject_id::BIGINT AS subject_id, endtime::TIMESTAMP AS "time",
       'PROCEDURE//END//' || itemid AS code,
       NULL::FLOAT AS numeric_value, NULL::VARCHAR AS text_value, NULL::VARCHAR AS unit,
       (coalesce(stay_id, hadm_id))::BIGINT AS encounter_id, NULL::TIMESTAMP AS end_time, statusdescription AS status
FROM read_csv('$ROOT/icu/procedureevents.csv.gz', all_varchar = true)
WHERE endtime IS NOT NULL
UNION ALL
SELECT subject_id::BIGINT AS subject_id, starttime::TIMESTAMP AS "time",
       'INFUSION_START//' || itemid AS code,
       rate::FLOAT AS numeric_value, NULL::VARCHAR AS text_value, rateuom AS unit,
       (coalesce(stay_id, hadm_id))::BIGINT AS encounter_id, endtime::TIMESTAMP AS end_time, NULL::VARCHAR AS status
FROM read_csv('$ROOT/icu/inputevents.csv.gz', all_varchar = true)
WHERE starttime IS NOT NULL
UNION ALL
SELECT subject_id::BIGINT AS subject_id, endtime::TIMESTAMP AS "time",
       'INFUSION_END//' || itemid AS code,
       amount::FLOAT AS numeric_value, NULL::VARCHAR AS text_value, amountuom AS unit,
       (coalesce(stay_id, hadm_id))::BIGINT AS encounter_id, NULL::TIMESTAMP AS end_time, NULL::VARCHAR AS status
FROM read_csv('$ROOT/icu/inputevents.csv.gz', all_varchar = true)
WHERE endtime IS NOT NULL
UNION ALL
SELECT subject_id::BIGINT AS subject_id, starttime::TIMESTAMP AS "time",
       'SUBJECT_WEIGHT_AT_INFUSION//KG' AS code,
       patientweight::FLOAT AS numeric_value, NULL::VARCHAR AS text_value, 'kg' AS unit,
       (coalesce(stay_id, hadm_id))::BIGINT AS encounter_id, NULL::TIMESTAMP AS end_time, NULL::VARCHAR AS status
FROM read_csv('$ROOT/icu/inputevents.csv.gz', all_varchar = true)
WHERE starttime IS NOT NULL
UNION ALL
SELECT subject_id::BIGINT AS subject_id, charttime::TIMESTAMP AS "time",
       concat_ws('//', 'DATETIME', itemid, coalesce(valueuom, 'UNK')) AS code,
       NULL::FLOAT AS numeric_value, value AS text_value, NULL::VARCHAR AS unit,
       (coalesce(stay_id, hadm_id))::BIGINT AS encounter_id, NULL::TIMESTAMP AS end_time, NULL::VARCHAR AS status
FROM read_csv('$ROOT/icu/datetimeevents.csv.gz', all_varchar = true)
WHERE charttime IS NOT NULL
ORDER BY subject_id, "time";
