"""Made patients as a folder of MIMIC-IV: hosp/*.csv.gz and icu/*.csv.gz with all its columns in its order."""

import gzip
from pathlib import Path
from typing import Final

import polars as pl

from ehr.progress import Progress, silent
from ehr.simulate import codes
from ehr.simulate.codes import Analyte
from ehr.simulate.frames import Tables
from ehr.simulate.physiology import PANELS

COLUMNS: Final[dict[str, str]] = {
    "hosp/patients": "subject_id gender anchor_age anchor_year anchor_year_group dod",
    "hosp/admissions": (
        "subject_id hadm_id admittime dischtime deathtime admission_type admit_provider_id admission_location "
        "discharge_location insurance language marital_status race edregtime edouttime hospital_expire_flag"
    ),
    "hosp/transfers": "subject_id hadm_id transfer_id eventtype careunit intime outtime",
    "hosp/services": "subject_id hadm_id transfertime prev_service curr_service",
    "hosp/diagnoses_icd": "subject_id hadm_id seq_num icd_code icd_version",
    "hosp/procedures_icd": "subject_id hadm_id seq_num chartdate icd_code icd_version",
    "hosp/drgcodes": "subject_id hadm_id drg_type drg_code description drg_severity drg_mortality",
    "hosp/labevents": (
        "labevent_id subject_id hadm_id specimen_id itemid order_provider_id charttime storetime value "
        "valuenum valueuom ref_range_lower ref_range_upper flag priority comments"
    ),
    "hosp/microbiologyevents": (
        "microevent_id subject_id hadm_id micro_specimen_id order_provider_id chartdate charttime spec_itemid "
        "spec_type_desc test_seq storedate storetime test_itemid test_name org_itemid org_name isolate_num "
        "quantity ab_itemid ab_name dilution_text dilution_comparison dilution_value interpretation comments"
    ),
    "hosp/prescriptions": (
        "subject_id hadm_id pharmacy_id poe_id poe_seq order_provider_id starttime stoptime drug_type drug "
        "formulary_drug_cd gsn ndc prod_strength form_rx dose_val_rx dose_unit_rx form_val_disp "
        "form_unit_disp doses_per_24_hrs route"
    ),
    "hosp/emar": (
        "subject_id hadm_id emar_id emar_seq poe_id pharmacy_id enter_provider_id charttime medication "
        "event_txt scheduletime storetime"
    ),
    "hosp/omr": "subject_id chartdate seq_num result_name result_value",
    "hosp/d_labitems": "itemid label fluid category",
    "hosp/d_icd_diagnoses": "icd_code icd_version long_title",
    "hosp/d_icd_procedures": "icd_code icd_version long_title",
    "icu/icustays": "subject_id hadm_id stay_id first_careunit last_careunit intime outtime los",
    "icu/chartevents": (
        "subject_id hadm_id stay_id caregiver_id charttime storetime itemid value valuenum valueuom warning"
    ),
    "icu/inputevents": (
        "subject_id hadm_id stay_id caregiver_id starttime endtime storetime itemid amount amountuom rate "
        "rateuom orderid linkorderid ordercategoryname secondaryordercategoryname "
        "ordercomponenttypedescription ordercategorydescription patientweight totalamount totalamountuom "
        "isopenbag continueinnextdept statusdescription originalamount originalrate"
    ),
    "icu/outputevents": "subject_id hadm_id stay_id caregiver_id charttime storetime itemid value valueuom",
    "icu/procedureevents": (
        "subject_id hadm_id stay_id caregiver_id starttime endtime storetime itemid value valueuom location "
        "locationcategory orderid linkorderid ordercategoryname ordercategorydescription patientweight "
        "isopenbag continueinnextdept statusdescription ORIGINALAMOUNT ORIGINALRATE"
    ),
    "icu/d_items": "itemid label abbreviation linksto category unitname param_type lownormalvalue highnormalvalue",
}
"""Columns of MIMIC-IV 2.2 by table; those that made patients do not fill are empty."""

GZIP_LEVEL: Final = 3


def write_mimic(tables: Tables, out: Path, progress: Progress = silent) -> None:
    """Write the tables and their dictionaries under `out`."""
    filled = tables | dictionaries()
    for done, (name, listed) in enumerate(COLUMNS.items()):
        progress(f"writing {name}", done, len(COLUMNS))
        frame = filled[name]
        columns = [
            pl.col(column) if column in frame.columns else pl.lit(None).alias(column) for column in listed.split()
        ]
        path = out / f"{name}.csv.gz"
        path.parent.mkdir(parents=True, exist_ok=True)
        with path.open("wb") as raw, gzip.GzipFile(fileobj=raw, mode="wb", compresslevel=GZIP_LEVEL, mtime=0) as file:
            file.write(frame.select(columns).write_csv(datetime_format="%Y-%m-%d %H:%M:%S").encode())


def dictionaries() -> Tables:
    """Return the tables of titles: laboratory items, charted items, diagnoses and procedures."""
    labs = sorted((each for each in codes.ANALYTES.values() if each.fluid), key=lambda each: each.itemid)
    return {
        "hosp/d_labitems": pl.DataFrame(
            [
                {"itemid": each.itemid, "label": each.label, "fluid": each.fluid, "category": each.category}
                for each in labs
            ]
        ),
        "icu/d_items": _items(),
        "hosp/d_icd_diagnoses": _titles({code: title for code, title, *_ in codes.DIAGNOSES}),
        "hosp/d_icd_procedures": _titles({code: each.title for code, each in codes.PROCEDURES.items()}),
    }


def _titles(titles: dict[str, str]) -> pl.DataFrame:
    rows = [{"icd_code": code, "icd_version": 10, "long_title": title} for code, title in sorted(titles.items())]
    return pl.DataFrame(rows)


def _items() -> pl.DataFrame:
    rows = [
        {"itemid": item.itemid, "label": item.label, "abbreviation": item.abbreviation, "linksto": item.linksto,
         "category": item.category, "unitname": item.unit, "param_type": item.kind}
        for item in codes.ITEMS
    ]  # fmt: skip
    rows += [
        {"itemid": each.itemid, "label": each.label, "abbreviation": each.label, "linksto": table,
         "category": each.category, "unitname": each.unit, "param_type": "Numeric"}
        for table in ("chartevents", "outputevents")
        for each in _charted(table)
    ]  # fmt: skip
    return pl.DataFrame(rows).sort("itemid")


def _charted(table: str) -> list[Analyte]:
    return [analyte for panel in PANELS if panel.table == table for analyte in panel.analytes]
