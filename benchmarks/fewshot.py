"""How much a few labels teach: a frozen pre-trained decoder against counts of codes, on made patients.

    python -m benchmarks fewshot

Writes docs/fewshot.svg and prints the table of docs/models.md. The store of the made patients and the pre-trained
decoder stay in COHORT_FOLDER, or in a folder beside the temporary files; MADE_PATIENTS sets another number of them.
"""

import os
import tempfile
import time
from pathlib import Path

import numpy as np
import polars as pl
from numpy.typing import NDArray

from api.learning import label_frame, read_task_file
from benchmarks.machine import REPOSITORY, Result
from ehr.fitting import fit_vocabulary
from ehr.importers import IMPORTERS, ImportOptions
from ehr.simulate import simulate
from ehr.splits import splits
from ehr.store import SCHEMA_VERSION, Store, create_store, open_store, opened
from ehr.timelines import Timelines, load_timelines, tokenize_store
from models.checkpoint import Checkpoint, find_model, list_models, load_model
from models.features import COUNT, FeatureSettings, Window, plan_features, read_features
from models.fewshot import few_shot, summary
from models.represent import represent
from models.settings import read_settings
from models.training import train

TASKS = {"in_hospital_mortality": "death in hospital", "readmission_30d": "readmission within 30 days"}
PATIENTS = int(os.environ.get("MADE_PATIENTS", "3500"))
FOLDER = Path(os.environ.get("COHORT_FOLDER", Path(tempfile.gettempdir()) / "anamnesis-benchmarks"))
SETTINGS = ("threads=1", "epochs=2")
DECODER, COUNTS, VALUES = "frozen decoder", "counts", "counts and values"
COLOURS = {DECODER: "#1f6f8b", COUNTS: "#c0562f", VALUES: "#8a8a8a"}
MODEL = "fewshot"
PLOT = REPOSITORY / "docs" / "fewshot.svg"


def run() -> Result:
    """Measure both tasks, draw the plot and print the table; nothing to meet, whichever wins."""
    began = time.perf_counter()
    with opened(open_store(_made_store(), writable=True)) as store:
        vocabulary = fit_vocabulary(store)
        tokenize_store(store, vocabulary)
        timelines = load_timelines(store, vocabulary)
        found = {}
        checkpoint = _pre_trained(store, timelines)
        for name in TASKS:
            found[name] = _measured(store, checkpoint, timelines, name)
            print(f"{name}: {time.perf_counter() - began:.0f} s", flush=True)
    print(table(found))
    draw(found, PLOT)
    stage = checkpoint.report["pre_training"]
    return Result(
        f"decoder pre-trained on {stage['events']:,} events in {stage['seconds']:.0f} s; all in "
        f"{time.perf_counter() - began:.0f} s; plot in {PLOT.relative_to(REPOSITORY)}",
        None,
    )


def _measured(store: Store, checkpoint: Checkpoint, timelines: Timelines, name: str) -> pl.DataFrame:
    """Return the summary of one task."""
    rows = label_frame(store, read_task_file(name).task).drop_nulls("boolean_value")
    states, usable = represent(checkpoint, timelines, rows)
    rows = rows.filter(usable)
    part = splits(rows["subject_id"]).to_numpy()
    outcome = rows["boolean_value"].to_numpy()
    inputs = {DECODER: states}
    for title, settings in {
        COUNTS: FeatureSettings(windows=(Window(),), statistics=(COUNT,)),
        VALUES: FeatureSettings(),
    }.items():
        inputs[title] = _features(store, rows, part, settings)
    for split in ("train", "tuning", "held_out"):
        here = part == split
        print(f"{name}, {split}: {here.sum():,} rows, {outcome[here].sum():,} with the outcome")
    print({title: features.shape[1] for title, features in inputs.items()})
    return summary(few_shot(inputs, outcome, part))


def _features(
    store: Store, rows: pl.DataFrame, part: NDArray[np.str_], settings: FeatureSettings
) -> NDArray[np.float32]:
    plan = plan_features(store.cursor(), rows.filter(part == "train"), settings)
    return read_features(store.cursor(), rows, plan)


def _pre_trained(store: Store, timelines: Timelines) -> Checkpoint:
    """Return the decoder, trained where there is none of this vocabulary yet."""
    vocabulary = fit_vocabulary(store)
    if any(model.name == MODEL and model.vocabulary_hash == vocabulary.hash for model in list_models(store.models)):
        return load_model(find_model(store.models, MODEL), vocabulary)
    return train(store.models, MODEL, timelines, vocabulary, read_settings(None, SETTINGS))


def table(found: dict[str, pl.DataFrame]) -> str:
    """Return the table of all tasks in Markdown: AUROC and AUPRC, mean and standard deviation over the draws."""
    names = list(next(iter(found.values()))["inputs"].unique(maintain_order=True))
    lines = [f"| task | k | {' | '.join(names)} |", f"|---|---|{'---|' * len(names)}"]
    for task, frame in found.items():
        for shots in frame["shots"].unique(maintain_order=True):
            here = {row["inputs"]: row for row in frame.iter_rows(named=True) if row["shots"] == shots}
            cells = (_cell(here[name]) for name in names)
            lines.append(f"| {TASKS[task]} | {shots or 'all'} | {' | '.join(cells)} |")
    return "\n".join(lines)


def _cell(row: dict[str, float]) -> str:
    if row["draws"] == 1:
        return f"{row['auroc']:.3f} / {row['auprc']:.3f}"
    return f"{row['auroc']:.3f} ± {row['auroc_sd']:.3f} / {row['auprc']:.3f} ± {row['auprc_sd']:.3f}"


def draw(found: dict[str, pl.DataFrame], path: Path) -> None:
    """Draw AUROC by shots for each task, the spread of the draws as a band, and write it as SVG."""
    import matplotlib as mpl
    from matplotlib.figure import Figure

    with mpl.rc_context({"svg.hashsalt": "fewshot", "svg.fonttype": "none", "font.family": "sans-serif"}):
        figure = Figure(figsize=(9, 3.8), layout="constrained")
        panels = figure.subplots(1, len(found), sharey=True, squeeze=False)[0]
        for panel, (task, frame) in zip(panels, found.items(), strict=True):
            for name, colour in COLOURS.items():
                some = frame.filter((pl.col("inputs") == name) & pl.col("shots").is_not_null())
                whole = frame.filter((pl.col("inputs") == name) & pl.col("shots").is_null())["auroc"].item()
                shots, middle, spread = (some[column].to_numpy() for column in ("shots", "auroc", "auroc_sd"))
                panel.plot(shots, middle, "o-", color=colour, markersize=4, label=name)
                panel.fill_between(shots, middle - spread, middle + spread, color=colour, alpha=0.15, linewidth=0)
                panel.axhline(whole, color=colour, linestyle=":", linewidth=1)
            panel.set_xscale("log", base=2)
            panel.set_xticks(shots, [str(count) for count in shots], fontsize=8)
            panel.minorticks_off()
            panel.set_title(TASKS[task], fontsize=11)
            panel.set_xlabel("positives, and as many negatives")
            panel.grid(alpha=0.25)
        panels[0].set_ylabel("AUROC on held-out rows")
        panels[-1].legend(frameon=False, fontsize=9, loc="lower right", title="dotted: all training rows")
        figure.savefig(path, metadata={"Date": None})


def _made_store() -> Path:
    """Return the store of made patients, made where this version of the schema has made none yet."""
    path = FOLDER / f"fewshot-{PATIENTS}-v{SCHEMA_VERSION}"
    if not path.exists():
        unfinished = Path(tempfile.mkdtemp(prefix="fewshot-", dir=_folder()))
        simulate(unfinished / "data", patients=PATIENTS, seed=21, format_name="mimic")
        with opened(create_store(unfinished / "store")) as store:
            IMPORTERS["mimic"](store, unfinished / "data", ImportOptions())
        (unfinished / "store").rename(path)
    return path


def _folder() -> Path:
    FOLDER.mkdir(parents=True, exist_ok=True)
    return FOLDER
