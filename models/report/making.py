"""Sections on how the model came about: training, codes it could not read, audit, cost, and what was run."""

from collections.abc import Mapping
from html import escape
from typing import Any

from models.estimators import BASELINE
from models.page import bullets, facts, figure, folded, good, heading, note, paragraph, section, table, warning
from models.page import keys as legend
from models.report.figures import training_curves
from models.report.hiding import SMALLEST_SHOWN, is_small
from models.report.people import PARTS

Metrics = Mapping[str, Any]


def training(metrics: Metrics) -> str:
    """Return the section on the training, where the model tells of it."""
    told = metrics.get("training") or {}
    panels = training_curves(told)
    lines = stages(told)
    if not lines and not panels:
        return ""
    entries = (("training people", "teal", "7 3"), ("tuning people", "blue", ""))
    drawn = figure(panels, "Where the loss on tuning people rises, training stopped.", legend=legend(entries))
    none = note("The course of the losses was not kept with this model, so there is no training curve.")
    return section("How it was trained", bullets(lines) if lines else "", drawn if panels else none)


def leaning(metrics: Metrics) -> str:
    """Return the section on what the counts of the baseline lean on."""
    about = (metrics["estimators"].get(BASELINE) or {}).get("about", {})
    strongest = about.get("strongest_features") or []
    if not strongest:
        return ""
    titles = metrics.get("code_titles", {})
    rows = [[_feature(name, titles), f"{weight:+.3f}"] for name, weight in strongest[:12]]
    strength = f" (C = {about['C']:g}, chosen on tuning people)" if "C" in about else ""
    of_all = f", of {about['features']:,} features" if "features" in about else ""
    explained = (
        f"Its largest coefficients, per standard deviation{of_all}{strength}. They show what the baseline leans on; "
        "they are no causes."
    )
    shown = table(["feature", "coefficient"], rows, caption="Largest coefficients of the baseline")
    return section("What the baseline leans on", paragraph(explained), shown)


def audit(metrics: Metrics) -> str:
    """Return the section on the leakage audit, where there was one."""
    told = metrics.get("audit")
    if told is None:
        return ""
    boxes = [warning(finding_text(found)) for found in told["findings"]]
    if not boxes:
        boxes = [good("The audit looked for ways in which the inputs know the outcome and found none.")]
    despite = f"The model was trained despite findings that fail, for this reason: {told['despite']}"
    rows = [[escape(one["area"]), escape(one["seen"]), escape(one["verdict"])] for one in told["checks"]]
    checked = table(["check", "what it looked at", "verdict"], rows, words=True, caption="Checks of the audit")
    return section(
        "Leakage audit",
        *boxes,
        paragraph(despite) if told.get("despite") else "",
        folded(f"All {len(rows)} checks", checked) if rows else "",
    )


def finding_text(found: Mapping[str, Any]) -> str:
    """Say a finding of the audit: what it is, in how many rows, by which codes, and what to do."""
    meaning = found.get("meaning") or str(found["code"]).replace("-", " ")
    subjects = f"fewer than {SMALLEST_SHOWN}" if is_small(found["subjects"]) else f"{found['subjects']:,}"
    codes = [str(one["code"]) for one in found["examples"] if "code" in one]
    by = f", such as {', '.join(codes)}" if codes else ""
    return f"The audit {found['severity']}: {meaning} ({subjects} people{by}). To do: {found['advice']}."


def unread(metrics: Metrics) -> str:
    """Return the section on codes that the vocabulary could not read, where that was counted."""
    coverage = metrics.get("unseen")
    if not coverage:
        return ""
    rows = [
        [
            PARTS.get(part, escape(part)),
            *(f"{counts[key]:,}" for key in ("events", "own", "family", "unknown")),
            "" if counts["unseen_rate"] is None else f"{counts['unseen_rate']:.2%}",
        ]
        for part, counts in coverage.items()
    ]
    shown = table(
        ["", "events", "code has a token", "read as its family", "unknown", "without a token of its own"],
        rows,
        caption="Codes that the model can and cannot read",
    )
    explained = (
        "A code that no training person had, or hardly one, is read as the family it belongs to, else as unknown."
    )
    return section("Codes it does not know", shown, note(explained))


def cost(metrics: Metrics) -> str:
    """Return the section on runtime and size, where they were measured."""
    runtime = metrics.get("runtime") or {}
    tiles = [
        (f"{runtime['parameters']:,}", "numbers learnt") if runtime.get("parameters") is not None else None,
        (size_of(runtime["bytes"]), "on disk") if runtime.get("bytes") is not None else None,
        (time_of(runtime["training_seconds"]), "training") if runtime.get("training_seconds") is not None else None,
    ]
    rows = [
        [escape(one["title"]), f"{one['seconds']:.2f} s", _per_row(one["seconds"], metrics["counts"]["held_out"])]
        for one in metrics["estimators"].values()
        if one["seconds"] is not None
    ]
    known = [tile for tile in tiles if tile]
    shown = table(["", "all predictions", "each"], rows, caption="Time to estimate the held-out rows") if rows else ""
    where = note(f"Measured on {runtime['machine']}.") if runtime.get("machine") else ""
    if not known and not shown:
        return ""
    return section("Runtime and size", facts(known) if known else "", shown, where)


def provenance(metrics: Metrics, files: str) -> str:
    """Return the section on what was run, with hashes and versions; `files` says where the figures are."""
    rows = [
        [escape(str(key).replace("_", " ")), f"<code>{escape(str(value))}</code>"]
        for key, value in {**metrics.get("model", {}), **metrics.get("versions", {})}.items()
    ]
    text = metrics.get("task_text")
    task = folded("The task as it was written", f"<pre><code>{escape(text)}</code></pre>") if text else ""
    bootstrap = metrics["bootstrap"]
    drawn = note(f"Bootstrap: {bootstrap['replicates']:,} samples of people, seed {bootstrap['seed']}.")
    shown = table([], rows, words=True, caption="Model, hashes and versions") if rows else ""
    remarks = heading("Remarks") + bullets(metrics["remarks"]) if metrics["remarks"] else ""
    return section("How this was made", remarks, shown, task, drawn, paragraph(files))


def stages(told: Mapping[str, Any]) -> list[str]:
    """Say in a sentence for each stage what the model learnt from and how long it took."""
    return [line for line in (_until(told), _stage(told, "pre_training"), _stage(told, "fine_tuning")) if line]


def _until(told: Mapping[str, Any]) -> str:
    time = told.get("until")
    if not time:
        return ""
    return (
        f"Only what was known by {str(time)[:16].replace('T', ' ')} was learnt from; predictions of training and "
        "tuning people whose outcome was open then were left out."
    )


def _stage(told: Mapping[str, Any], name: str) -> str:
    stage = told.get(name)
    if name == "pre_training" and not stage and told.get("base"):
        base = told["base"]
        return (
            f"Pre-training: none of its own; its decoder is that of model {base['model']} version {base['version']}."
        )
    if not stage:
        return ""
    passes, seconds = stage.get("passes"), stage.get("seconds")
    took = f", {passes} passes" if passes is not None else ""
    took += f" in {time_of(seconds)}" if seconds is not None else ""
    if name == "pre_training":
        size = f"{stage['events']:,} events of {stage['subjects']:,} people" if "events" in stage else "timelines"
        return f"Pre-training: to foresee what comes next, on {size}, without the outcome{took}."
    size = (
        f"{stage['rows']:,} predictions, {stage['events']:,} with the event" if "rows" in stage else "labelled rows"
    )
    return f"Fine-tuning: to foresee the outcome, on {size}{took}."


def _feature(name: str, titles: Mapping[str, str]) -> str:
    """Return the name of a feature with the title of its code below."""
    title = titles.get(name.partition(": ")[2])
    return escape(name) + (f"<small>{escape(title)}</small>" if title else "")


def _per_row(seconds: float, counts: Mapping[str, int]) -> str:
    return f"{1000 * seconds / counts['rows']:.2f} ms" if counts["rows"] else ""


def size_of(size: int) -> str:
    """Write a number of bytes.

    >>> size_of(1_234_567)
    '1.2 MB'
    """
    for unit, factor in (("GB", 1e9), ("MB", 1e6), ("kB", 1e3)):
        if size >= factor:
            return f"{size / factor:.1f} {unit}"
    return f"{size} bytes"


def time_of(seconds: float) -> str:
    """Write a span of time.

    >>> time_of(93.2), time_of(600)
    ('93 s', '10 min')
    """
    if seconds < 120:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 7200 else f"{seconds / 3600:.1f} h"
