-- The store: tables as the importers fill them, views as analysts read them. Times are UTC without a zone.

CREATE TABLE event (
    subject_id    BIGINT NOT NULL,
    "time"        TIMESTAMP,
    code          VARCHAR NOT NULL,
    numeric_value FLOAT,
    text_value    VARCHAR,
    value_code    VARCHAR,
    unit          VARCHAR,
    encounter_id  BIGINT,
    end_time      TIMESTAMP,
    status        VARCHAR,
    record_id     VARCHAR,
    codings       VARCHAR[],
    time_precision VARCHAR,
    utc_offset    SMALLINT,
    event_id      BIGINT NOT NULL,
    source_id     INTEGER NOT NULL
);
COMMENT ON TABLE event IS 'One row per measurement: a superset of MEDS 0.4, clustered by subject and time';
COMMENT ON COLUMN event.subject_id IS 'Patient, as in subject';
COMMENT ON COLUMN event."time" IS 'When it happened or became known; NULL for static facts';
COMMENT ON COLUMN event.code IS 'KIND//SYSTEM//CODE[//UNIT], described in code';
COMMENT ON COLUMN event.numeric_value IS 'Measured number, in unit';
COMMENT ON COLUMN event.text_value IS 'Measured text, or a number that came with a comparator such as <5';
COMMENT ON COLUMN event.value_code IS 'Code of a coded answer, SYSTEM//CODE, whose words are text_value; NULL for numbers and free text';
COMMENT ON COLUMN event.unit IS 'Unit of numeric_value as recorded';
COMMENT ON COLUMN event.encounter_id IS 'Innermost stay that the record names: the ICU stay where known, else the hospital stay';
COMMENT ON COLUMN event.end_time IS 'When it ended: abatement, end of an infusion or of a prescription';
COMMENT ON COLUMN event.status IS 'Status word of the source: active, completed, Administered, Not Given';
COMMENT ON COLUMN event.record_id IS 'Record of the source, such as Observation/x1 or Observation/x1.component[0]; NULL where it has none';
COMMENT ON COLUMN event.codings IS 'All codes that the record gives for the same thing, the one in code first; NULL where that is the only one';
COMMENT ON COLUMN event.time_precision IS 'year, month or day where the source tells the time no more exactly; the pages of the formats say where in it the event stands; NULL for a clock time';
COMMENT ON COLUMN event.utc_offset IS 'Minutes east of UTC that the source wrote beside the time, which is UTC here; NULL where it wrote none';
COMMENT ON COLUMN event.event_id IS 'Unique number of the event in this store';
COMMENT ON COLUMN event.source_id IS 'File it came from, as in source';

CREATE TABLE subject (
    subject_id  BIGINT PRIMARY KEY,
    birth_time  TIMESTAMP,
    sex         VARCHAR,
    death_time  TIMESTAMP,
    died        BOOLEAN NOT NULL,
    first_time  TIMESTAMP,
    last_time   TIMESTAMP,
    identifiers VARCHAR[]
);
COMMENT ON TABLE subject IS 'One row per patient';
COMMENT ON COLUMN subject.subject_id IS 'The number of the source (MIMIC, OMOP, MEDS), or a stable 63-bit hash of its id (FHIR)';
COMMENT ON COLUMN subject.birth_time IS 'Birth, as precise as the source tells';
COMMENT ON COLUMN subject.sex IS 'female, male, other, unknown, or NULL';
COMMENT ON COLUMN subject.death_time IS 'Death, or NULL while none is recorded or its time is unknown';
COMMENT ON COLUMN subject.died IS 'Whether the patient is recorded as dead, with or without a time';
COMMENT ON COLUMN subject.first_time IS 'First event after birth';
COMMENT ON COLUMN subject.last_time IS 'Last event';
COMMENT ON COLUMN subject.identifiers IS 'Original identifiers as system|value';

CREATE TABLE encounter (
    encounter_id BIGINT PRIMARY KEY,
    parent_id    BIGINT,
    subject_id   BIGINT NOT NULL,
    class        VARCHAR NOT NULL,
    type         VARCHAR,
    start_time   TIMESTAMP,
    end_time     TIMESTAMP,
    admit_source VARCHAR,
    disposition  VARCHAR,
    identifiers  VARCHAR[],
    record_id    VARCHAR,
    source_id    INTEGER NOT NULL
);
COMMENT ON TABLE encounter IS 'Hospital, emergency, ICU and ambulatory stays';
COMMENT ON COLUMN encounter.encounter_id IS 'The number of the source, or a stable 63-bit hash of its id';
COMMENT ON COLUMN encounter.parent_id IS 'Stay that this one is part of: the hospital stay of an ICU stay';
COMMENT ON COLUMN encounter.subject_id IS 'Patient, as in subject';
COMMENT ON COLUMN encounter.class IS 'inpatient, icu, emergency, ambulatory, home, virtual or other';
COMMENT ON COLUMN encounter.type IS 'Kind of stay in the words of the source: EW EMER., URGENT, General examination';
COMMENT ON COLUMN encounter.start_time IS 'Begin of the stay';
COMMENT ON COLUMN encounter.end_time IS 'End of the stay; NULL while it lasts or when unknown';
COMMENT ON COLUMN encounter.admit_source IS 'Where the patient came from';
COMMENT ON COLUMN encounter.disposition IS 'Where the patient went; DIED for a death in hospital';
COMMENT ON COLUMN encounter.identifiers IS 'Original identifiers of the stay as system|value; NULL where it has none';
COMMENT ON COLUMN encounter.record_id IS 'Record of the source, such as Encounter/x1';
COMMENT ON COLUMN encounter.source_id IS 'File it came from, as in source';

CREATE TABLE record (
    record_id    VARCHAR NOT NULL,
    subject_id   BIGINT,
    version_id   VARCHAR,
    last_updated TIMESTAMP,
    deleted_at   TIMESTAMP,
    digest       BIGINT,
    source_id    INTEGER NOT NULL
);
COMMENT ON TABLE record IS 'Records that have an identity in their source, one row each: which version the store has, or that it was deleted';
COMMENT ON COLUMN record.record_id IS 'As in event.record_id, without its parts: Observation/x1';
COMMENT ON COLUMN record.subject_id IS 'Patient, as in subject; NULL where that is not known: a medicine, a deletion of what the store never had';
COMMENT ON COLUMN record.version_id IS 'FHIR meta.versionId';
COMMENT ON COLUMN record.last_updated IS 'FHIR meta.lastUpdated';
COMMENT ON COLUMN record.deleted_at IS 'When the source deleted it: nothing of it is in the store; NULL for a record that is there';
COMMENT ON COLUMN record.digest IS 'Hash of what this version says, to tell an exact repeat; NULL when it says nothing, as it was deleted or left out';
COMMENT ON COLUMN record.source_id IS 'File that gave this version, or the deletion';

CREATE TABLE product (
    record_id   VARCHAR NOT NULL,
    codes       VARCHAR[] NOT NULL,
    description VARCHAR,
    system      VARCHAR,
    source_id   INTEGER NOT NULL
);
COMMENT ON TABLE product IS 'What each FHIR Medication or Device stands for, which other records name by reference';
COMMENT ON COLUMN product.record_id IS 'Medication/x1 or Device/x1, as in record';
COMMENT ON COLUMN product.codes IS 'Its codes as SYSTEM//CODE, the preferred one first';
COMMENT ON COLUMN product.description IS 'Title of the preferred code';
COMMENT ON COLUMN product.system IS 'Code system of the preferred code';
COMMENT ON COLUMN product.source_id IS 'File it came from, as in source';

CREATE TABLE tombstone (
    subject_id BIGINT PRIMARY KEY,
    deleted_at TIMESTAMP NOT NULL,
    n_events   BIGINT NOT NULL
);
COMMENT ON TABLE tombstone IS 'Patients that were deleted from this store: their records are not taken in again';
COMMENT ON COLUMN tombstone.subject_id IS 'Patient, who is no longer in subject';
COMMENT ON COLUMN tombstone.deleted_at IS 'When';
COMMENT ON COLUMN tombstone.n_events IS 'How many events were removed';

CREATE TABLE code (
    code        VARCHAR PRIMARY KEY,
    description VARCHAR,
    system      VARCHAR,
    kind        VARCHAR NOT NULL,
    parents     VARCHAR[],
    unit        VARCHAR,
    n_events    BIGINT NOT NULL,
    n_subjects  BIGINT NOT NULL,
    quantiles   FLOAT[]
);
COMMENT ON TABLE code IS 'Every code in use';
COMMENT ON COLUMN code.code IS 'As in event.code';
COMMENT ON COLUMN code.description IS 'Title in the words of the source';
COMMENT ON COLUMN code.system IS 'Code system: ICD10, ICD9, SNOMED, LOINC, RXNORM, MIMIC, ...';
COMMENT ON COLUMN code.kind IS 'condition, medication, procedure, observation, encounter, demographic, death or other';
COMMENT ON COLUMN code.parents IS 'Codes above this one';
COMMENT ON COLUMN code.unit IS 'Most frequent unit of its numbers';
COMMENT ON COLUMN code.n_events IS 'Events with this code';
COMMENT ON COLUMN code.n_subjects IS 'Patients with this code';
COMMENT ON COLUMN code.quantiles IS 'Minimum, nine deciles and maximum of its numbers; NULL without numbers';

CREATE TABLE code_value (
    code          VARCHAR NOT NULL,
    unit          VARCHAR,
    numeric_value FLOAT,
    n             BIGINT NOT NULL
);
COMMENT ON TABLE code_value IS 'How often each value of each code occurs, as sums to be added up: what code and unit are computed from';
COMMENT ON COLUMN code_value.code IS 'As in code';
COMMENT ON COLUMN code_value.unit IS 'As in event.unit';
COMMENT ON COLUMN code_value.numeric_value IS 'As in event; NULL counts the events without a number';
COMMENT ON COLUMN code_value.n IS 'Events; negative where some were removed';

CREATE TABLE event_by_code (
    place         INTEGER NOT NULL,
    subject_id    BIGINT NOT NULL,
    "time"        TIMESTAMP,
    numeric_value FLOAT
);
COMMENT ON TABLE event_by_code IS 'The events once more, narrow and in the order of their codes, kept by large stores: what cohorts read';
COMMENT ON COLUMN event_by_code.place IS 'Code and unit, as in code_place';
COMMENT ON COLUMN event_by_code.subject_id IS 'As in event';
COMMENT ON COLUMN event_by_code."time" IS 'As in event';
COMMENT ON COLUMN event_by_code.numeric_value IS 'As in event';

CREATE TABLE code_place (
    place INTEGER NOT NULL,
    code  VARCHAR NOT NULL,
    unit  VARCHAR
);
COMMENT ON TABLE code_place IS 'The number that stands for a code and a unit in event_by_code; empty while the store is small and does without';
COMMENT ON COLUMN code_place.place IS 'A number without a meaning of its own';
COMMENT ON COLUMN code_place.code IS 'As in event.code';
COMMENT ON COLUMN code_place.unit IS 'As in event.unit';

CREATE TABLE unit (
    code           VARCHAR NOT NULL,
    unit           VARCHAR NOT NULL,
    item           VARCHAR NOT NULL,
    canonical_unit VARCHAR,
    factor         DOUBLE,
    shift          DOUBLE,
    n_events       BIGINT NOT NULL
);
COMMENT ON TABLE unit IS 'Every unit that the numbers of a code came in: value * factor + shift is the value in canonical_unit';
COMMENT ON COLUMN unit.code IS 'As in code';
COMMENT ON COLUMN unit.unit IS 'As in event.unit';
COMMENT ON COLUMN unit.item IS 'The code without its unit: items with several units are mixed';
COMMENT ON COLUMN unit.canonical_unit IS 'UCUM unit: values of one item with the same one can be compared; NULL for a unit that is not understood';
COMMENT ON COLUMN unit.factor IS 'To multiply with; NULL for a unit that is not understood';
COMMENT ON COLUMN unit.shift IS 'To add then: not 0 for temperatures';
COMMENT ON COLUMN unit.n_events IS 'Numbers with this code and unit';

CREATE TABLE hierarchy (
    child  VARCHAR NOT NULL,
    parent VARCHAR NOT NULL
);
COMMENT ON TABLE hierarchy IS 'Edges of code hierarchies that were loaded: OMOP concept_ancestor, parent_codes of MEDS; circles are borne';
COMMENT ON COLUMN hierarchy.child IS 'Concept, as SYSTEM//CODE, or a code as in code';
COMMENT ON COLUMN hierarchy.parent IS 'Concept directly or further above it';

CREATE TABLE code_ancestor (
    code     VARCHAR NOT NULL,
    ancestor VARCHAR NOT NULL
);
COMMENT ON TABLE code_ancestor IS 'Every concept at or above each code in use: what descends_from() looks up';
COMMENT ON COLUMN code_ancestor.code IS 'As in event.code, or all of event.codings joined by ␟ where a record gives several codes';
COMMENT ON COLUMN code_ancestor.ancestor IS 'Concept as SYSTEM//CODE, or a code: itself and all that lie above';

CREATE TABLE source (
    source_id     INTEGER PRIMARY KEY,
    file          VARCHAR NOT NULL,
    sha256        VARCHAR NOT NULL,
    format        VARCHAR NOT NULL,
    rows_in       BIGINT NOT NULL,
    rows_accepted BIGINT NOT NULL,
    rows_rejected BIGINT NOT NULL,
    rows_skipped  BIGINT NOT NULL,
    started_at    TIMESTAMP NOT NULL,
    finished_at   TIMESTAMP NOT NULL,
    status        VARCHAR NOT NULL,
    CHECK (rows_in = rows_accepted + rows_rejected + rows_skipped)
);
COMMENT ON TABLE source IS 'Ledger of imports, one row per file';
COMMENT ON COLUMN source.source_id IS 'Number of the file in this store';
COMMENT ON COLUMN source.file IS 'Path relative to the folder that was imported';
COMMENT ON COLUMN source.sha256 IS 'Hash of the bytes of the file';
COMMENT ON COLUMN source.format IS 'fhir, mimic, eicu, omop, meds, or grpc for resources that came through the service';
COMMENT ON COLUMN source.rows_in IS 'Records read';
COMMENT ON COLUMN source.rows_accepted IS 'Records that went in';
COMMENT ON COLUMN source.rows_rejected IS 'Records refused, each with a row in reject';
COMMENT ON COLUMN source.rows_skipped IS 'Records left out on purpose: types that are not imported, exact repeats';
COMMENT ON COLUMN source.started_at IS 'Begin of the import of this file';
COMMENT ON COLUMN source.finished_at IS 'End of the import of this file';
COMMENT ON COLUMN source.status IS 'imported, skipped (not a file for events), empty or failed';

CREATE TABLE tally (
    source_id     INTEGER NOT NULL,
    resource      VARCHAR NOT NULL,
    rows_in       BIGINT NOT NULL,
    rows_accepted BIGINT NOT NULL,
    rows_rejected BIGINT NOT NULL,
    rows_skipped  BIGINT NOT NULL,
    PRIMARY KEY (source_id, resource),
    CHECK (rows_in = rows_accepted + rows_rejected + rows_skipped)
);
COMMENT ON TABLE tally IS 'The ledger by type of record: the FHIR resource types of a file, or its table';
COMMENT ON COLUMN tally.source_id IS 'File, as in source';
COMMENT ON COLUMN tally.resource IS 'FHIR resource type, or table';
COMMENT ON COLUMN tally.rows_in IS 'Records read';
COMMENT ON COLUMN tally.rows_accepted IS 'Records that went in';
COMMENT ON COLUMN tally.rows_rejected IS 'Records refused';
COMMENT ON COLUMN tally.rows_skipped IS 'Records left out on purpose';

CREATE TABLE reject (
    source_id INTEGER NOT NULL,
    line      BIGINT,
    resource  VARCHAR,
    code      VARCHAR NOT NULL,
    reason    VARCHAR NOT NULL,
    excerpt   VARCHAR
);
COMMENT ON TABLE reject IS 'Records that were refused';
COMMENT ON COLUMN reject.source_id IS 'File, as in source';
COMMENT ON COLUMN reject.line IS 'Line of an NDJSON file, entry of a Bundle, or data row of a CSV file, from 1; NULL for the whole file';
COMMENT ON COLUMN reject.resource IS 'Record, such as Observation/x1 or hosp/labevents';
COMMENT ON COLUMN reject.code IS 'Kind of reason, from the list in ehr/reasons.py: bad-json, bad-time, unknown-subject, ...';
COMMENT ON COLUMN reject.reason IS 'Why, in a few words without the values of the patient';
COMMENT ON COLUMN reject.excerpt IS 'The part that is at fault, with no more of the record than is needed to find it';

CREATE TABLE notice (
    source_id INTEGER NOT NULL,
    line      BIGINT,
    resource  VARCHAR,
    code      VARCHAR NOT NULL,
    reason    VARCHAR NOT NULL,
    excerpt   VARCHAR
);
COMMENT ON TABLE notice IS 'Records that went in with something to know: a value left NULL, an implausible time, an unknown column';
COMMENT ON COLUMN notice.source_id IS 'File, as in source';
COMMENT ON COLUMN notice.line IS 'As in reject';
COMMENT ON COLUMN notice.resource IS 'As in reject';
COMMENT ON COLUMN notice.code IS 'As in reject';
COMMENT ON COLUMN notice.reason IS 'What to know';
COMMENT ON COLUMN notice.excerpt IS 'The part that it is about';

CREATE TABLE vocabulary (
    vocabulary_id VARCHAR PRIMARY KEY,
    hash          VARCHAR NOT NULL,
    created_at    TIMESTAMP NOT NULL,
    definition    JSON NOT NULL
);
COMMENT ON TABLE vocabulary IS 'Fitted tokenizers';
COMMENT ON COLUMN vocabulary.vocabulary_id IS 'Name given to ehr tokenize --vocabulary';
COMMENT ON COLUMN vocabulary.hash IS 'Hash of the definition; models carry it and refuse another';
COMMENT ON COLUMN vocabulary.created_at IS 'When it was fitted';
COMMENT ON COLUMN vocabulary.definition IS 'Tokens, quantile edges and settings as JSON';

CREATE TABLE timeline (
    vocabulary_id VARCHAR NOT NULL,
    subject_id    BIGINT NOT NULL,
    tokens        UINTEGER[] NOT NULL,
    times         TIMESTAMP[] NOT NULL,
    event_ids     BIGINT[] NOT NULL,
    "values"      FLOAT[] NOT NULL,
    n_events      BIGINT NOT NULL,
    last_event_id BIGINT NOT NULL
);
COMMENT ON TABLE timeline IS 'Tokenised timelines: the four lists of a row have one length';
COMMENT ON COLUMN timeline.vocabulary_id IS 'Tokenizer, as in vocabulary';
COMMENT ON COLUMN timeline.subject_id IS 'Patient, as in subject';
COMMENT ON COLUMN timeline.tokens IS 'Token numbers in order of time';
COMMENT ON COLUMN timeline.times IS 'Time of each token; NULL for static ones';
COMMENT ON COLUMN timeline.event_ids IS 'Event behind each token; NULL for time gaps';
COMMENT ON COLUMN timeline."values" IS 'Number behind each value bin; NULL for all other tokens';
COMMENT ON COLUMN timeline.n_events IS 'Events of the patient when it was tokenised; another number now means that it is stale';
COMMENT ON COLUMN timeline.last_event_id IS 'Last event of the patient when it was tokenised';

CREATE VIEW patient AS
SELECT subject_id, sex, birth_time, death_time, died, first_time, last_time, identifiers
FROM subject;
COMMENT ON VIEW patient IS 'One row per patient';
COMMENT ON COLUMN patient.died IS 'Whether a death is recorded';

CREATE VIEW condition AS
SELECT e.event_id, e.subject_id, e.encounter_id, e.code, e.codings, c.description, c.system,
       e."time" AS start_time, e.end_time, e.status
FROM event e JOIN code c USING (code) WHERE c.kind = 'condition';
COMMENT ON VIEW condition IS 'Diagnoses and problems; hospital billing codes carry the time of discharge';
COMMENT ON COLUMN condition.start_time IS 'Onset or time of recording; the discharge for hospital billing codes';

CREATE VIEW medication AS
SELECT e.event_id, e.subject_id, e.encounter_id, e.code, e.codings, c.description, c.system,
       e."time" AS start_time, e.end_time, e.status, e.numeric_value AS value, e.unit, e.text_value, e.record_id
FROM event e JOIN code c USING (code) WHERE c.kind = 'medication';
COMMENT ON VIEW medication IS 'Orders, administrations, infusions and immunisations; value is a dose or rate where recorded';
COMMENT ON COLUMN medication.start_time IS 'When it was given, or when the order or infusion began';
COMMENT ON COLUMN medication.value IS 'Dose or rate, in unit';
COMMENT ON COLUMN medication.record_id IS 'Record of the source: MedicationRequest/x1 is an order, MedicationAdministration/x1 a dose';

CREATE VIEW procedure AS
SELECT e.event_id, e.subject_id, e.encounter_id, e.code, e.codings, c.description, c.system,
       e."time" AS start_time, e.end_time, e.status
FROM event e JOIN code c USING (code) WHERE c.kind = 'procedure';
COMMENT ON VIEW procedure IS 'Procedures done';
COMMENT ON COLUMN procedure.start_time IS 'When it was done or began';

CREATE VIEW observation AS
SELECT e.event_id, e.subject_id, e.encounter_id, e.code, e.codings, c.description, c.system,
       e."time" AS start_time, e.numeric_value AS value, e.unit,
       (e.numeric_value * u.factor + u.shift)::FLOAT AS canonical_value,
       if(e.numeric_value IS NULL, NULL, u.canonical_unit) AS canonical_unit,
       e.text_value, e.value_code, e.status
FROM event e JOIN code c USING (code) LEFT JOIN unit u ON u.code = e.code AND u.unit = e.unit
WHERE c.kind = 'observation';
COMMENT ON VIEW observation IS 'Laboratory results, vital signs and other measurements';
COMMENT ON COLUMN observation.start_time IS 'When it was measured or the specimen was taken';
COMMENT ON COLUMN observation.value IS 'Measured number, in unit';
COMMENT ON COLUMN observation.canonical_value IS 'The number in canonical_unit, to be compared across units; NULL where the unit is not understood';
COMMENT ON COLUMN observation.canonical_unit IS 'UCUM unit that all values of this item share';

CREATE VIEW death AS
SELECT subject_id, death_time, birth_time, sex FROM subject WHERE died;
COMMENT ON VIEW death IS 'One row per patient recorded as dead; death_time is NULL where only the fact is known';

CREATE TABLE store_state (
    version        INTEGER NOT NULL,
    last_event_id  BIGINT NOT NULL,
    last_source_id INTEGER NOT NULL,
    n_code_values  BIGINT NOT NULL
);
COMMENT ON TABLE store_state IS 'One row: the version of this schema and the numbers that were given last';
COMMENT ON COLUMN store_state.version IS 'Raised whenever the tables change';
COMMENT ON COLUMN store_state.last_event_id IS 'Greatest event_id ever given: none is given twice, also after deletions';
COMMENT ON COLUMN store_state.last_source_id IS 'Greatest source_id ever given';
COMMENT ON COLUMN store_state.n_code_values IS 'Rows of code_value when its sums were added up last';
INSERT INTO store_state VALUES (4, 0, 0, 0);
