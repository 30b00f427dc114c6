"""The clinical tables of OMOP CDM 5.4 and 5.3, one by one: which columns are read and what each says of an event."""

from typing import Final

from ehr.importers.omop_concepts import any_key
from ehr.importers.omop_tables import Clinical, Moment, last_second, table_of
from ehr.importers.omop_words import AT_DISCHARGE, BILLED, BILLED_NAMES, COMPARATORS, values_sql
from ehr.importers.tables import integer, number, text


def _first_text(*parts: str) -> str:
    return f"coalesce({', '.join(parts)})"


_COMPARED: Final = values_sql(COMPARATORS, "operator_concept_id")
"""Comparator of a number that is none by itself: below 5, above 100."""

_PLAIN: Final = r"regexp_replace(regexp_replace({cell}, '([.][0-9]*?)0+$', '\1'), '[.]$', '')"
"""A number without the zeros that a decimal column adds: 5 for 5.000."""

_UNIT: Final = _first_text("unit_unit", "unit_source_value")

_AMOUNT_UNIT: Final = f"CASE WHEN quantity IS NOT NULL THEN {_UNIT} END"

_ANSWER: Final = any_key("answer", "value_as_concept_id")

_IS_TEXT: Final = "try_cast(value_source_value AS DOUBLE) IS NULL"
"""Whether the value of the source says more than a number does."""

_KNOWN_LATE: Final = (
    f"(condition_status_concept_id IN ({', '.join(map(str, AT_DISCHARGE))}) "
    f"OR condition_type_concept_id IN ({', '.join(map(str, BILLED))}) "
    f"OR regexp_matches(lower(kind_name), '{BILLED_NAMES}'))"
)
_CONDITION_START: Final = Moment("condition_start_date", "condition_start_datetime")
_ONSET: Final = f"if({_CONDITION_START.precision} = 'day', {{0}}::DATE::VARCHAR, {{0}}::VARCHAR)".format(
    _CONDITION_START.start
)
_HAS_CLOCK: Final = "visit_end > date_trunc('day', visit_end)"
_DISCHARGE: Final = (
    f"CASE WHEN coalesce({_KNOWN_LATE}, false) THEN if({_HAS_CLOCK}, visit_end, {last_second('visit_end')}) END"
)

CONDITION_OCCURRENCE: Final = Clinical(
    name="condition_occurrence",
    head="'CONDITION'",
    prefix="condition",
    start=_CONDITION_START,
    end=Moment("condition_end_date", "condition_end_datetime"),
    further=(
        integer("condition_type_concept_id"),
        integer("condition_status_concept_id"),
        text("condition_status_source_value"),
        text("stop_reason"),
    ),
    lookups={"kind": "condition_type_concept_id", "state": "condition_status_concept_id"},
    status=_first_text("state_name", "condition_status_source_value", "stop_reason"),
    known_at=(_DISCHARGE, f"if({_HAS_CLOCK}, NULL, 'day')"),
    text=f"CASE WHEN {_DISCHARGE} > {_CONDITION_START.start} THEN 'onset ' || {_ONSET} END",
)

DRUG_EXPOSURE: Final = Clinical(
    name="drug_exposure",
    head="if(coalesce(main_key, source_key) LIKE 'CVX//%', 'IMMUNIZATION', 'MEDICATION')",
    prefix="drug",
    start=Moment("drug_exposure_start_date", "drug_exposure_start_datetime"),
    end=Moment("drug_exposure_end_date", "drug_exposure_end_datetime"),
    further=(
        integer("drug_type_concept_id"),
        text("stop_reason"),
        number("quantity"),
        text("sig"),
        integer("route_concept_id"),
        text("route_source_value"),
        text("dose_unit_source_value"),
    ),
    ignored="verbatim_end_date refills days_supply lot_number",
    lookups={"kind": "drug_type_concept_id", "route": "route_concept_id"},
    number="quantity",
    unit="CASE WHEN quantity IS NOT NULL THEN dose_unit_source_value END",
    text="nullif(concat_ws('; ', quantity_text, sig, coalesce(route_name, route_source_value)), '')",
    status="nullif(concat_ws('; ', kind_name, stop_reason), '')",
)

PROCEDURE_OCCURRENCE: Final = Clinical(
    name="procedure_occurrence",
    head="'PROCEDURE'",
    prefix="procedure",
    start=Moment("procedure_date", "procedure_datetime"),
    end=Moment("procedure_end_date", "procedure_end_datetime"),
    further=(number("quantity"), integer("modifier_concept_id"), text("modifier_source_value")),
    ignored="procedure_type_concept_id",
    lookups={"modifier": "modifier_concept_id"},
    number="quantity",
    text=_first_text("modifier_name", "modifier_source_value"),
)

DEVICE_EXPOSURE: Final = Clinical(
    name="device_exposure",
    head="'DEVICE'",
    prefix="device",
    start=Moment("device_exposure_start_date", "device_exposure_start_datetime"),
    end=Moment("device_exposure_end_date", "device_exposure_end_datetime"),
    further=(
        number("quantity"),
        integer("unit_concept_id"),
        text("unit_source_value"),
        text("unique_device_id"),
    ),
    ignored="device_type_concept_id production_id unit_source_concept_id",
    lookups={"unit": "unit_concept_id"},
    number="quantity",
    unit=_AMOUNT_UNIT,
    text="unique_device_id",
)

MEASUREMENT: Final = Clinical(
    name="measurement",
    head="'LAB'",
    prefix="measurement",
    start=Moment("measurement_date", "measurement_datetime"),
    further=(
        integer("operator_concept_id"),
        number("value_as_number"),
        integer("value_as_concept_id"),
        text("value_source_value"),
        integer("unit_concept_id"),
        text("unit_source_value"),
    ),
    ignored=(
        "measurement_time measurement_type_concept_id range_low range_high unit_source_concept_id "
        "measurement_event_id meas_event_field_concept_id"
    ),
    lookups={"answer": "value_as_concept_id", "unit": "unit_concept_id"},
    number=f"CASE WHEN {_COMPARED} IS NULL THEN value_as_number END",
    text=_first_text(
        f"{_COMPARED} || {_PLAIN.format(cell='value_as_number::VARCHAR')}",
        "answer_name",
        f"CASE WHEN value_as_number IS NULL OR {_IS_TEXT} THEN value_source_value END",
        "value_as_number_text",
    ),
    answer=_ANSWER,
    unit=f"CASE WHEN value_as_number IS NOT NULL THEN {_UNIT} END",
    has_unit_in_code=True,
)

OBSERVATION: Final = Clinical(
    name="observation",
    head="'OBSERVATION'",
    prefix="observation",
    start=Moment("observation_date", "observation_datetime"),
    further=(
        number("value_as_number"),
        text("value_as_string"),
        integer("value_as_concept_id"),
        text("value_source_value"),
        integer("qualifier_concept_id"),
        text("qualifier_source_value"),
        integer("unit_concept_id"),
        text("unit_source_value"),
    ),
    ignored="observation_type_concept_id observation_event_id obs_event_field_concept_id",
    lookups={"answer": "value_as_concept_id", "unit": "unit_concept_id", "qualifier": "qualifier_concept_id"},
    number="value_as_number",
    text=_first_text(
        "value_as_string",
        "answer_name",
        f"CASE WHEN value_as_number IS NULL OR {_IS_TEXT} THEN value_source_value END",
        "value_as_number_text",
    ),
    answer=_ANSWER,
    unit=f"CASE WHEN value_as_number IS NOT NULL THEN {_UNIT} END",
    has_unit_in_code=True,
    status=_first_text("qualifier_name", "qualifier_source_value"),
)

SPECIMEN: Final = Clinical(
    name="specimen",
    head="'SPECIMEN'",
    prefix="specimen",
    start=Moment("specimen_date", "specimen_datetime"),
    further=(
        number("quantity"),
        integer("unit_concept_id"),
        text("unit_source_value"),
        integer("anatomic_site_concept_id"),
        text("anatomic_site_source_value"),
        integer("disease_status_concept_id"),
        text("disease_status_source_value"),
    ),
    ignored="specimen_type_concept_id specimen_source_id",
    lookups={
        "unit": "unit_concept_id",
        "site": "anatomic_site_concept_id",
        "disease": "disease_status_concept_id",
    },
    number="quantity",
    unit=_AMOUNT_UNIT,
    text=_first_text("site_name", "anatomic_site_source_value"),
    status=_first_text("disease_name", "disease_status_source_value"),
    has_source_concept=False,
    has_stay=False,
)

CLINICAL: Final = tuple(
    table_of(table)
    for table in (
        CONDITION_OCCURRENCE,
        DRUG_EXPOSURE,
        PROCEDURE_OCCURRENCE,
        DEVICE_EXPOSURE,
        MEASUREMENT,
        OBSERVATION,
        SPECIMEN,
    )
)
"""Tables of events, read after the persons and visits that they refer to."""

NOT_IMPORTED: Final = frozenset(
    {
        "attribute_definition",
        "care_site",
        "cdm_source",
        "cohort",
        "cohort_attribute",
        "cohort_definition",
        "concept_class",
        "concept_synonym",
        "condition_era",
        "cost",
        "domain",
        "dose_era",
        "drug_era",
        "drug_strength",
        "episode",
        "episode_event",
        "fact_relationship",
        "location",
        "metadata",
        "note",
        "note_nlp",
        "observation_period",
        "payer_plan_period",
        "provider",
        "relationship",
        "source_to_concept_map",
        "survey_conduct",
        "vocabulary",
    }
)
"""Tables of OMOP that give no events; their rows are counted as skipped."""
