"""Orders as tables: prescriptions and doses given, and cultures taken."""

from typing import Final

import numpy as np
import polars as pl

from ehr.simulate.codes import CONDITIONS, CULTURES, GROWTH, HABITUAL_DRUGS, REASONS, Drug
from ehr.simulate.frames import MINUTE, Frames, Offsets, Tables, at
from ehr.simulate.patients import Patients

CONDITION_DRUGS: Final = tuple(drug for condition in CONDITIONS for drug in condition.drugs)
GIVEN: Final = {"Administered": 0.92, "Not Given": 0.05, "Delayed Administered": 0.03}
ORGANISM_UNKNOWN: Final = "NO GROWTH."


def ordering_tables(patients: Patients, frames: Frames, offsets: Offsets, rng: np.random.Generator) -> Tables:
    """Return the tables of orders; all orders of a stay are written in its first step."""
    orders = _orders(patients, frames, rng)
    return {
        "hosp/prescriptions": _prescriptions(orders, offsets),
        "hosp/emar": _emar(orders, rng),
        "hosp/microbiologyevents": _microbiology(frames, offsets, rng),
    }


def _orders(patients: Patients, frames: Frames, rng: np.random.Generator) -> pl.DataFrame:
    """Return one row per ordered drug: those of the reason, of conditions, and of habit."""
    stays = frames.stays.with_columns(
        first_end=pl.col("stay").replace_strict(_ends_of_first_steps(frames), return_dtype=pl.Int64)
    )
    parts = [
        _ordered(stays.filter(pl.col("reason") == place), drug)
        for place, reason in enumerate(REASONS)
        for drug in reason.drugs
    ]
    number = stays["stay"].to_numpy()
    for place, drug in enumerate(CONDITION_DRUGS):
        parts.append(_ordered(stays.filter(pl.Series(patients.ordered[number, place])), drug))
    for drug, chance in HABITUAL_DRUGS:
        parts.append(_ordered(stays.filter(pl.Series(rng.random(len(stays)) < chance)), drug))
    orders = pl.concat(parts)
    minutes = (orders["first_end"] - orders["admitted"]).to_numpy() // MINUTE
    begin = 1 + (rng.random(len(orders)) * np.minimum(minutes - 2, 240)).astype(np.int64)
    return orders.with_columns(
        begin=pl.col("admitted") + pl.Series(begin) * MINUTE, drug_order=pl.Series(rng.random(len(orders)))
    ).sort("subject_id", "begin", "drug_order")


def _ends_of_first_steps(frames: Frames) -> dict[int, int]:
    first = frames.rows.filter(pl.col("step") == 0)
    return dict(zip(first["stay"].to_list(), first["end"].to_list(), strict=True))


def _ordered(stays: pl.DataFrame, drug: Drug) -> pl.DataFrame:
    return stays.select(
        "subject_id", "hadm_id", "admitted", "left", "first_end",
        drug=pl.lit(drug.name), rxnorm=pl.lit(drug.rxnorm), dose=pl.lit(drug.dose), dose_unit=pl.lit(drug.unit),
        route=pl.lit(drug.route), per_day=pl.lit(drug.per_day),
    )  # fmt: skip


def _prescriptions(orders: pl.DataFrame, offsets: Offsets) -> pl.DataFrame:
    return orders.select(
        "subject_id", "hadm_id", "drug", "route", "rxnorm",
        pharmacy_id=pl.Series(offsets.take_records(len(orders))),
        starttime=at("begin"), stoptime=at("left"), drug_type=pl.lit("MAIN"), dose_val_rx="dose",
        dose_unit_rx="dose_unit", doses_per_24_hrs="per_day",
    )  # fmt: skip


def _emar(orders: pl.DataFrame, rng: np.random.Generator) -> pl.DataFrame:
    """Return the doses due from order to the end of the stay, at even intervals with some minutes of delay."""
    interval = 24 * 60 * MINUTE // pl.col("per_day")
    doses = (
        orders.with_columns(due=pl.int_ranges(pl.col("begin"), pl.col("left"), interval))
        .explode("due", empty_as_null=False)
        .select("subject_id", "hadm_id", "drug", "rxnorm", "dose", "dose_unit", "left", "due")
    )
    delay = rng.integers(0, 30, len(doses)) * MINUTE
    words, chances = list(GIVEN), list(GIVEN.values())
    doses = doses.with_columns(
        charted=pl.min_horizontal(pl.col("due") + pl.Series(delay), pl.col("left") - MINUTE),
        event_txt=pl.Series(rng.choice(words, len(doses), p=chances)),
    ).sort("subject_id", "charted", "drug")
    sequence = pl.int_range(1, pl.len() + 1).over("subject_id")
    return doses.select(
        "subject_id", "hadm_id", "event_txt", "rxnorm", "dose", "dose_unit",
        emar_id=pl.concat_str("subject_id", pl.lit("-"), sequence), emar_seq=sequence, charttime=at("charted"),
        medication="drug", storetime=at("charted"),
    )  # fmt: skip


def _microbiology(frames: Frames, offsets: Offsets, rng: np.random.Generator) -> pl.DataFrame:
    """Return the cultures that go with the reason of a stay, taken on arrival.

    They are reported one to three days later, at discharge at the latest.
    """
    parts = []
    for place, reason in enumerate(REASONS):
        stays = frames.stays.filter(pl.col("reason") == place)
        for name in reason.cultures:
            culture = CULTURES[name]
            grown = pl.Series(rng.random(len(stays)) < GROWTH[name])
            organism = rng.integers(0, len(culture.organisms), len(stays))
            ids = np.array([number for number, _, _ in culture.organisms])
            names = np.array([title for _, title, _ in culture.organisms])
            taken = pl.col("admitted") + pl.Series(rng.integers(5, 60, len(stays))) * MINUTE
            parts.append(
                stays.select(
                    "subject_id", "hadm_id", "left", taken=taken, culture=pl.lit(name),
                    spec_itemid=pl.lit(culture.specimen_id), spec_type_desc=pl.lit(culture.specimen),
                    test_itemid=pl.lit(culture.test_id), test_name=pl.lit(culture.test),
                    org_itemid=pl.when(grown).then(pl.Series(ids[organism])),
                    org_name=pl.when(grown).then(pl.Series(names[organism])),
                    comments=pl.when(~grown).then(pl.lit(ORGANISM_UNKNOWN)),
                )
            )  # fmt: skip
    table = pl.concat(parts).sort("subject_id", "taken", "test_itemid")
    reported = pl.col("taken") + pl.Series(rng.integers(24 * 60, 72 * 60, len(table))) * MINUTE
    stored = pl.min_horizontal(reported, "left")
    numbers = offsets.take_records(len(table))
    table = table.with_columns(stored=stored, micro_specimen_id=pl.Series(numbers), microevent_id=pl.Series(numbers))
    return table.select(
        pl.exclude("taken", "stored", "left"), chartdate=at("taken").dt.truncate("1d"), charttime=at("taken"),
        storedate=at("stored").dt.truncate("1d"), storetime=at("stored"), test_seq=pl.lit(1),
    )  # fmt: skip
