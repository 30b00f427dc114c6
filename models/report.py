"""The report of an evaluation: metrics.json for programs, predictions.parquet to check, report.html for people."""

from collections.abc import Mapping
from html import escape
from pathlib import Path
from typing import Any, Final

import orjson

from ehr.errors import ModelError
from models.estimators import BAYES
from models.evaluate import FEW_POSITIVES, Evaluation
from models.figures import SERIES, against_truth, calibration, curves, forest
from models.page import bullets, dotted, facts, figure, page, paragraph, section, table, warning

METRICS_FILE: Final = "metrics.json"
REPORT_FILE: Final = "report.html"
PREDICTIONS_FILE: Final = "predictions.parquet"
_COLUMNS: Final = (
    ("auroc", "AUROC"),
    ("auprc", "AUPRC"),
    ("brier", "Brier"),
    ("calibration_slope", "calibration slope"),
    ("calibration_intercept", "calibration intercept"),
    ("ece", "ECE"),
)
_LIMITS: Final = (
    "How the model would do in another hospital or in later years: held-out subjects come from the same store as the "
    "training subjects and from the same time.",
    "Whether acting on a risk helps anyone. That takes a prospective study.",
    "Whether it is fair: results by sex, age or origin are not shown here.",
    "How it does on one patient. Intervals of metrics are about the average over patients like these.",
    "The uncertainty of training: the intervals resample held-out subjects, with the model as it is.",
)


def write_report(folder: Path, evaluation: Evaluation) -> Path:
    """Write the three files into `folder`, made when missing, and return the path of the page.

    Raises ModelError when the folder cannot be written.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
        options = orjson.OPT_INDENT_2 | orjson.OPT_SERIALIZE_NUMPY
        (folder / METRICS_FILE).write_bytes(orjson.dumps(evaluation.metrics, option=options))
        evaluation.predictions.write_parquet(folder / PREDICTIONS_FILE)
        (folder / REPORT_FILE).write_text(report_page(evaluation), encoding="utf-8")
    except OSError as error:
        raise ModelError(f"the report cannot be written to {folder}: {error.strerror or error}") from error
    return folder / REPORT_FILE


def report_page(evaluation: Evaluation) -> str:
    """Return the page as HTML; it loads nothing from anywhere."""
    metrics = evaluation.metrics
    title = f"{metrics.get('task', 'A task')}: model {metrics.get('model', {}).get('model', '')}".rstrip(": ")
    return page(
        title,
        [
            _header(metrics),
            *(warning(text) for text in metrics["warnings"]),
            _summary(metrics),
            _table_of_metrics(metrics),
            _figures(evaluation),
            _differences(metrics),
            _people(metrics),
            _baseline(metrics),
            section("What this does not show", bullets(_LIMITS)),
            _making(metrics),
        ],
    )


def in_words(metrics: Mapping[str, Any]) -> list[str]:
    """Say the main results in sentences: each estimator's AUROC, and whether the first differs from the others."""
    estimators = metrics["estimators"]
    lines = [_said_of(name, estimator) for name, estimator in estimators.items()]
    for difference in metrics["differences"]:
        if BAYES not in (difference["first"], difference["second"]):
            first, second = (estimators[difference[side]]["title"] for side in ("first", "second"))
            lines.append(_verdict(first, second, difference["metrics"]["auroc"]))
    return lines


def _said_of(name: str, estimator: Mapping[str, Any]) -> str:
    auroc, distance = estimator["metrics"]["auroc"], estimator["distance_to_truth"]
    if auroc["value"] is None:
        return f"{estimator['title']}: the AUROC is undefined, since all outcomes are the same."
    if distance is None or name == BAYES:
        return f"{estimator['title']}: AUROC {_with_interval(auroc)}."
    return (
        f"{estimator['title']}: AUROC {_with_interval(auroc)}; {_number(distance['value'])} from the true "
        "probability on average."
    )


def _verdict(first: str, second: str, estimate: Mapping[str, Any]) -> str:
    if estimate["value"] is None or estimate["low"] is None:
        return f"{first} and {second} cannot be compared by AUROC."
    if estimate["low"] > 0 or estimate["high"] < 0:
        better, worse = (first, second) if estimate["value"] > 0 else (second, first)
        return (
            f"{better} ranks better than {worse}: the AUROC differs by {abs(estimate['value']):.3f} "
            f"(interval of the difference {_bounds(estimate)})."
        )
    return (
        f"{first} and {second} cannot be told apart by AUROC: the difference is {estimate['value']:+.3f} "
        f"({_bounds(estimate)})."
    )


def _header(metrics: Mapping[str, Any]) -> str:
    model = metrics.get("model", {})
    known = f"model <b>{escape(str(model['model']))}</b>, version {model['version']}, " if model else ""
    task = str(metrics.get("task", "evaluation")).replace("_", " ")
    day, time = metrics["created_at"][:10], metrics["created_at"][11:16]
    return (
        f"<header><h1>{escape(task[:1].upper() + task[1:])}</h1>"
        f'<p class="lead">{known}evaluated on held-out subjects, {day} {time} UTC</p></header>'
    )


def _summary(metrics: Mapping[str, Any]) -> str:
    compared = metrics["compared"]
    share = compared["positives"] / compared["rows"]
    return facts(
        [
            (f"{compared['subjects']:,}", "held-out subjects"),
            (f"{compared['rows']:,}", "predictions compared"),
            (f"{compared['positives']:,}", f"with the event ({share:.1%})"),
            (f"{metrics['counts']['train']['rows']:,}", "training rows"),
            (f"{metrics['counts']['train']['positives']:,}", "training rows with the event"),
        ]
    ) + section("In short", bullets(in_words(metrics)))


def _table_of_metrics(metrics: Mapping[str, Any]) -> str:
    head = ["", *(escape(label) for _, label in _COLUMNS)]
    rows = [
        [dotted(estimator["title"], _variable(name)), *(_cell(estimator["metrics"][key]) for key, _ in _COLUMNS)]
        for name, estimator in metrics["estimators"].items()
    ]
    if any(estimator["distance_to_truth"] for estimator in metrics["estimators"].values()):
        head.append("distance to truth")
        for row, (name, estimator) in zip(rows, metrics["estimators"].items(), strict=True):
            row.append("0" if name == BAYES else _cell(estimator["distance_to_truth"]))
    bootstrap = metrics["bootstrap"]
    note = (
        f"In small print the {bootstrap['level']:.0%} percentile interval of {bootstrap['replicates']:,} bootstrap "
        "samples of subjects, each with all rows of its subjects. AUPRC is average precision; its floor is the share "
        "of positives. A calibration slope below 1 means risks that are too extreme, an intercept below 0 risks that "
        "are too high; ECE is the mean gap in ten bins of equally many rows."
    )
    return section("Metrics", table(head, rows), paragraph(note))


def _figures(evaluation: Evaluation) -> str:
    metrics, compared = evaluation.metrics, evaluation.compared
    estimators = metrics["estimators"]
    n, positives = metrics["compared"]["rows"], metrics["compared"]["positives"]
    base = f"{n:,} rows of {metrics['compared']['subjects']:,} held-out subjects, {positives:,} with the event."
    parts = [
        figure(forest(estimators), f"Value and 95 % interval. {base}", "AUROC, AUPRC and Brier score with intervals")
    ]
    if 0 < positives < n:
        caption = f"{base} Dotted: what a coin, or the same risk for everyone, would give."
        parts.append(figure(curves(compared, estimators), caption, "ROC and precision-recall curves"))
    reading = (
        f"{base} Ten bins of equally many rows; bars are 95 % Wilson intervals, which take rows as independent. A "
        "point below the dotted line: fewer events came than were foretold. Beneath: how the risks are spread."
    )
    calibrated = section(
        "Calibration", figure(calibration(compared, estimators), reading, "observed share against predicted risk")
    )
    if BAYES not in estimators:
        return section("Discrimination", *parts) + calibrated
    caption = (
        "Made data: the process that made these patients is known, and with it the best risk that anyone could give "
        f"from the same past. {min(n, 3000):,} rows; on the dotted line the risk is exact."
    )
    truth = section(
        "Against the truth",
        figure(against_truth(compared, estimators), caption, "predicted risk against true probability"),
    )
    return section("Discrimination", *parts) + calibrated + truth


def _differences(metrics: Mapping[str, Any]) -> str:
    if not metrics["differences"]:
        return ""
    shown = [(key, label) for key, label in _COLUMNS if key in ("auroc", "auprc", "brier", "ece")]
    titles = {name: estimator["title"] for name, estimator in metrics["estimators"].items()}
    rows = [
        [
            f"{escape(titles[difference['first']])} - {escape(titles[difference['second']])}",
            *(_cell(difference["metrics"][key], signed=True) for key, _ in shown),
        ]
        for difference in metrics["differences"]
    ]
    note = (
        "First minus second on the same rows and the same bootstrap samples. An interval that holds 0 means that "
        "these data cannot tell the two apart."
    )
    return section("Paired differences", table(["", *(label for _, label in shown)], rows), paragraph(note))


def _people(metrics: Mapping[str, Any]) -> str:
    counted = {**metrics["counts"], "compared": metrics["compared"]}
    names = {"train": "training", "tuning": "tuning", "held_out": "held out", "compared": "held out and compared"}
    rows = [
        [names[name], *(f"{counts[key]:,}" for key in ("subjects", "rows", "positives")), _share(counts)]
        for name, counts in counted.items()
    ]
    parts = [table(["", "subjects", "rows", "with the event", "share"], rows)]
    abstained = [
        f"{estimator['title']} abstained on {estimator['abstained']:,} of {counted['held_out']['rows']:,} rows."
        for estimator in metrics["estimators"].values()
        if estimator["abstained"]
    ]
    if metrics.get("attrition"):
        steps = [
            [escape(step["step"]), f"{step['subjects']:,}", f"{step['rows']:,}"] for step in metrics["attrition"]
        ]
        parts += [paragraph("How the task came to its rows:"), table(["", "subjects", "rows"], steps)]
    return section("Who was looked at", *parts, bullets(abstained) if abstained else "")


def _baseline(metrics: Mapping[str, Any]) -> str:
    about = metrics["estimators"].get("baseline", {}).get("about", {})
    strongest = about.get("strongest_features") or []
    if not strongest:
        return ""
    titles = metrics.get("code_titles", {})
    rows = [[_feature(name, titles), f"{weight:+.3f}"] for name, weight in strongest[:12]]
    note = (
        f"Its largest coefficients, per standard deviation, of {about['features']:,} features (C = {about['C']:g}, "
        "chosen on tuning subjects). They show what the baseline leans on; they are no causes."
    )
    return section("What the baseline leans on", paragraph(note), table(["feature", "coefficient"], rows))


def _feature(name: str, titles: Mapping[str, str]) -> str:
    """Return the name of a feature with the title of its code below."""
    title = titles.get(name.partition(": ")[2])
    return escape(name) + (f"<small>{escape(title)}</small>" if title else "")


def _making(metrics: Mapping[str, Any]) -> str:
    model = metrics.get("model", {})
    rows = [
        [escape(str(key).replace("_", " ")), f"<code>{escape(str(value))}</code>"] for key, value in model.items()
    ]
    rows += [
        [f"seconds, {escape(estimator['title'].lower())}", f"{estimator['seconds']:.2f}"]
        for estimator in metrics["estimators"].values()
        if estimator["seconds"] is not None
    ]
    remarks = bullets(metrics["remarks"]) if metrics["remarks"] else ""
    note = (
        f"The figures of this page are in {METRICS_FILE}, every prediction is in {PREDICTIONS_FILE}. A warning "
        f"stands at the top where fewer than {FEW_POSITIVES} rows have one of the outcomes."
    )
    return section("How this was made", remarks, table([], rows, words=True) if rows else "", paragraph(note))


def _cell(estimate: Mapping[str, Any], *, signed: bool = False) -> str:
    if estimate["value"] is None:
        return "undefined"
    value = f"{estimate['value']:+.3f}" if signed else _number(estimate["value"])
    return value if estimate["low"] is None else f"{value}<small>{_bounds(estimate)}</small>"


def _with_interval(estimate: Mapping[str, Any]) -> str:
    value = _number(estimate["value"])
    return value if estimate["low"] is None else f"{value} ({_bounds(estimate)})"


def _bounds(estimate: Mapping[str, Any]) -> str:
    return f"{estimate['low']:.3f} to {estimate['high']:.3f}"


def _number(value: float) -> str:
    return f"{value:.3f}"


def _share(counts: Mapping[str, int]) -> str:
    return f"{counts['positives'] / counts['rows']:.1%}" if counts["rows"] else ""


def _variable(name: str) -> str:
    return name if name in SERIES else "other"
