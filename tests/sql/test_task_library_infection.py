"""Suspected infection on MIMIC-IV: the moments of the shared concept are those of loops over the source."""

from collections import defaultdict
from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path

import polars as pl

from ehr.store import Store
from ehr.tasks import parse_task
from sql.cohort import run_cohort

TASK = "include: [stays.yaml, infection.yaml]\ntrigger: infection_suspected\nwindows: {}\n"
CULTURES = (
    "ACID FAST CULTURE|ANAEROBIC CULTURE|BLOOD/|BRUCELLA BLOOD CULTURE|Blood Culture|CULTURE$|TISSUE|in Bottles"
)
NO_CULTURES = "VIRAL|Viral|VARICELLA|CAMPYLOBACTER|YEAST|Enterovirus|R/O"
ANTIBACTERIALS = (
    "amikacin|amoxicillin|ampicillin|azithromycin|aztreonam|cef|ciprofloxacin|clarithromycin|clindamycin|"
    "daptomycin|doxycycline|ertapenem|erythromycin|gentamicin|levofloxacin|linezolid|meropenem|metronidazole|"
    "moxifloxacin|nafcillin|nitrofurantoin|penicillin|piperacillin|sulfameth|tigecycline|tobramycin|"
    "trimethoprim|vancomycin"
)
NO_ANTIBACTERIALS = (
    "Acyclovir|Fluconazole|Micafungin|Voriconazole|Ambisome|Caspofungin|Tamiflu|Ganciclovir|Atovaquone"
)
GIVEN = (
    "Administered",
    "Administered in Other Location",
    "Started",
    "Restarted",
    "Delayed Administered",
    "Partial Administered",
)

Moments = dict[int, set[datetime]]


def table(root: Path, name: str) -> pl.DataFrame:
    return pl.read_csv(root / f"{name}.csv.gz", infer_schema_length=0)


def moments(*frames: pl.DataFrame) -> Moments:
    """Return the times (second column) of each patient (first column)."""
    found: Moments = defaultdict(set)
    for frame in frames:
        for subject, time in frame.iter_rows():
            if time is not None:
                found[int(subject)].add(datetime.fromisoformat(time))
    return found


def cultures(root: Path) -> Moments:
    lab = table(root, "hosp/microbiologyevents").with_columns(time=pl.coalesce("charttime", "chartdate"))
    name = pl.col("test_name").str.strip_chars()
    lab = lab.filter(name.str.contains(CULTURES) & ~name.str.contains(NO_CULTURES))
    items = table(root, "icu/d_items").filter(
        pl.col("label").str.contains("Culture") & pl.col("category").eq("6-Cultures")
    )
    charted = table(root, "icu/procedureevents").filter(pl.col("itemid").is_in(items["itemid"].implode()))
    return moments(lab.select("subject_id", "time"), charted.select("subject_id", "starttime"))


def is_antibiotic(column: str) -> pl.Expr:
    name = pl.col(column).str.to_lowercase()
    begins = pl.any_horizontal(*(name.str.starts_with(one) for one in ANTIBACTERIALS.split("|")))
    return begins & ~name.str.contains(r"[\d%.]")


def antibiotics(root: Path) -> Moments:
    given = table(root, "hosp/emar").filter(is_antibiotic("medication"), pl.col("event_txt").is_in(GIVEN))
    ordered = table(root, "hosp/pharmacy").filter(is_antibiotic("medication"))
    items = table(root, "icu/d_items").filter(
        pl.col("category").eq("Antibiotics"), ~pl.col("label").str.contains(NO_ANTIBACTERIALS)
    )
    infused = table(root, "icu/inputevents").filter(pl.col("itemid").is_in(items["itemid"].implode()))
    return moments(
        given.select("subject_id", "charttime"),
        ordered.select("subject_id", "starttime"),
        infused.select("subject_id", "starttime"),
    )


def suspected(taken: Moments, drugs: Moments) -> Iterator[tuple[int, datetime]]:
    for subject in drugs.keys() & taken.keys():
        for time in drugs[subject]:
            if any(timedelta(0) <= time - culture <= timedelta(hours=72) for culture in taken[subject]):
                yield subject, time
        for time in taken[subject]:
            if any(timedelta(0) <= time - drug <= timedelta(hours=24) for drug in drugs[subject]):
                yield subject, time


def test_infections_are_suspected_when_loops_over_the_source_suspect_them(
    mimic_store: Store, data_root: Path
) -> None:
    root = data_root / "mimic-iv-demo"
    expected = set(suspected(cultures(root), antibiotics(root)))
    assert len(expected) > 1000
    rows = run_cohort(mimic_store, parse_task(TASK, "infection"), wide=False).rows
    assert set(rows.select("subject_id", "trigger").iter_rows()) == expected
