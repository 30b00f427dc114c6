"""Sections on how good the risks are: ranking, calibration, usefulness, and distance to the truth where known."""

from collections.abc import Mapping, Sequence
from html import escape
from typing import Any, Final

import polars as pl

from models.estimators import BAYES
from models.page import dotted, figure, folded, keys, note, paragraph, section, table
from models.report.drawing import looks
from models.report.figures import DOTS, against_truth, calibration, curves, decision_curve, drawn_names, forest
from models.report.words import bounds, number, useful_range, value_of

COLUMNS: Final = (
    ("auroc", "AUROC"),
    ("auprc", "AUPRC"),
    ("brier", "Brier"),
    ("calibration_slope", "calibration slope"),
    ("calibration_intercept", "calibration intercept"),
    ("ece", "ECE"),
)
_PAIRED: Final = ("auroc", "auprc", "brier", "ece")
_AFTER: Final = {"before": "as they are", "platt": "after Platt scaling", "isotonic": "after isotonic regression"}
_TITLES: Final = {
    "calibration_slope": "slope",
    "calibration_intercept": "intercept",
    "calibration_in_the_large": "in the large",
    "ece": "ECE",
    "brier": "Brier",
}
_RECALIBRATED: Final = tuple(_TITLES)
_POINT: Final = (
    ("threshold", "alarm above"),
    ("sensitivity", "sensitivity"),
    ("specificity", "specificity"),
    ("ppv", "PPV"),
    ("npv", "NPV"),
    ("flagged", "alarms"),
    ("alerts_per_event", "alarms per event found"),
)
_POINT_NOTE: Final = (
    "Thresholds were fixed before or chosen on tuning people. Alarms: the share of predictions that raise one. "
    "PPV: of the alarms, how many were followed by the event. NPV: of the rest, how many were not."
)

Metrics = Mapping[str, Any]


def discrimination(metrics: Metrics, compared: pl.DataFrame) -> str:
    """Return the section on metrics, differences and curves."""
    estimators = metrics["estimators"]
    parts = [_metrics_table(metrics), _differences(metrics)]
    parts.append(figure(forest(estimators), f"Value and {_level(metrics)} interval. {_base(metrics)}"))
    if 0 < metrics["compared"]["positives"] < metrics["compared"]["rows"]:
        caption = (
            f"{_base(metrics)} Thin and dotted: what a coin, or the same risk for everyone, would give."
            f"{_not_drawn(estimators)}"
        )
        parts.append(figure(curves(compared, estimators), caption, legend=_legend(estimators)))
    else:
        parts.append(note("All outcomes are the same, so there are no ROC and precision-recall curves."))
    return section("How well the risks rank", *parts)


def calibrated(metrics: Metrics, compared: pl.DataFrame) -> str:
    """Return the section on calibration, before and after recalibration where there is both."""
    estimators = metrics["estimators"]
    is_drawn = any(_bins_after(estimator) for estimator in estimators.values())
    after = " Dashed: after Platt scaling; dotted: after isotonic regression." if is_drawn else ""
    caption = (
        f"{_base(metrics)} Ten bins of equally many rows; bars are 95 % Wilson intervals, which take rows as "
        "independent. A point below the diagonal: fewer events came than were foretold. Beneath: how the risks are "
        f"spread.{after}{_not_drawn(estimators)}"
    )
    return section(
        "Whether the risks can be read as chances",
        figure(calibration(compared, estimators), caption),
        folded("The bins in numbers", _bins_tables(estimators)),
        _recalibration(estimators),
    )


def usefulness(metrics: Metrics) -> str:
    """Return the section on decision curves and operating points."""
    estimators = metrics["estimators"]
    shown = {name: one for name, one in estimators.items() if one.get("decision_curve")}
    parts = []
    everyone = metrics.get("decision_curve_all")
    if shown and everyone:
        caption = (
            "Net benefit is the share of predictions that are rightly acted on, less the wrongly acted on ones at "
            "the rate that the threshold says they are worth (Vickers and Elkin, Med Decis Making 2006). Thin "
            "and dotted: acting on everyone; the line at 0: on no one. The band is the interval of the first."
        )
        parts.append(figure(decision_curve(estimators, everyone), caption, legend=_legend(estimators), wide=True))
        sentences = [useful_range(one["title"], one["decision_curve"], everyone) for one in shown.values()]
        parts.append(paragraph(" ".join(sentences[:2])))
    tables = [_points(estimator) for name, estimator in estimators.items() if name != BAYES]
    first, *others = [one for one in tables if one] or [""]
    parts += [first, note(_POINT_NOTE) if first else "", folded("Of the others", "".join(others)) if others else ""]
    return section("What acting on them would mean", *parts)


def truth(metrics: Metrics, compared: pl.DataFrame) -> str:
    """Return the section on the distance to the true probability of made data."""
    estimators = metrics["estimators"]
    if BAYES not in estimators:
        return ""
    caption = (
        "Made data: the process that made these patients is known, and with it the best risk that anyone could give "
        f"from the same past. {min(metrics['compared']['rows'], DOTS):,} predictions; on the diagonal the risk is "
        "exact."
    )
    return section("Against the truth", figure(against_truth(compared, estimators), caption))


def cell(estimate: Mapping[str, Any] | None, *, signed: bool = False) -> str:
    """Return an estimate with its interval in small print, as HTML."""
    if estimate is None or estimate["value"] is None:
        return "undefined"
    value = f"{estimate['value']:+.3f}" if signed else number(estimate["value"])
    return value if estimate["low"] is None else f"{value}<small>{bounds(estimate)}</small>"


def named(name: str, title: str, estimators: Mapping[str, Any]) -> str:
    """Return the title of an estimator with a dot in its colour, as HTML."""
    return dotted(title, looks(list(estimators))[name][0])


def _metrics_table(metrics: Metrics) -> str:
    estimators = metrics["estimators"]
    head = ["", *(escape(label) for _, label in COLUMNS)]
    rows = [
        [named(name, one["title"], estimators), *(cell(one["metrics"][key]) for key, _ in COLUMNS)]
        for name, one in estimators.items()
    ]
    if any(one["distance_to_truth"] for one in estimators.values()):
        head.append("distance to truth")
        for row, (name, one) in zip(rows, estimators.items(), strict=True):
            row.append("0" if name == BAYES else cell(one["distance_to_truth"]))
    small_print = (
        f"In small print the {_level(metrics)} percentile interval of {metrics['bootstrap']['replicates']:,} "
        "bootstrap samples of people, each with all rows of its people. AUPRC is average precision; its floor is "
        "the share with the event. A calibration slope below 1 means risks that are too extreme, an intercept below "
        "0 risks that are too high; ECE is the mean gap in ten bins of equally many rows."
    )
    return table(head, rows, caption="Metrics of each estimator on the same predictions") + note(small_print)


def _differences(metrics: Metrics) -> str:
    if not metrics["differences"]:
        return ""
    labels = dict(COLUMNS)
    titles = {name: estimator["title"] for name, estimator in metrics["estimators"].items()}
    leader = next(iter(titles))
    parts: tuple[list[list[str]], list[list[str]]] = ([], [])
    for pair in metrics["differences"]:
        name = f"{escape(titles[pair['first']])} − {escape(titles[pair['second']])}"
        values = [cell(pair["metrics"][key], signed=True) for key in _PAIRED]
        parts[leader not in (pair["first"], pair["second"])].append([name, *values])
    head = ["", *(labels[key] for key in _PAIRED)]
    shown = table(head, parts[0], caption="Paired differences, first minus second") if parts[0] else ""
    if parts[1]:
        others = table(head, parts[1], caption="Further paired differences, first minus second")
        shown += folded("Differences between the other estimators", others)
    return shown + note(
        "On the same rows and the same bootstrap samples. An interval that holds 0 means that these data cannot "
        "tell the two apart."
    )


def _bins_after(estimator: Mapping[str, Any]) -> bool:
    found = estimator.get("recalibration") or {}
    return any((found.get(method) or {}).get("calibration_bins") for method in ("platt", "isotonic"))


def _bins_tables(estimators: Mapping[str, Any]) -> str:
    head = ["mean risk", "observed", "interval", "rows"]
    return "".join(
        table(
            head,
            [
                [number(part["mean_risk"]), number(part["observed"]), bounds(part), f"{part['rows']:,}"]
                for part in estimator["calibration_bins"]
            ],
            caption=estimator["title"],
        )
        for estimator in estimators.values()
    )


def _recalibration(estimators: Mapping[str, Any]) -> str:
    """Return the figures before and after recalibration; those of estimators that are not drawn are folded."""
    drawn = drawn_names(estimators)
    reasons = [
        f"{estimator['title']}: {found['reason']}."
        for estimator in estimators.values()
        if (found := estimator.get("recalibration")) and found.get("reason")
    ]
    others = _recalibrated([name for name in estimators if name not in drawn], estimators)
    return (
        _recalibrated(drawn, estimators)
        + (folded("Of the other estimators", others) if others else "")
        + (note(f"Not recalibrated. {' '.join(reasons)}") if reasons else "")
    )


def _recalibrated(names: Sequence[str], estimators: Mapping[str, Any]) -> str:
    rows: list[list[str]] = []
    kinds: list[str] = []
    for name in names:
        found = estimators[name].get("recalibration")
        if not found or not (found.get("platt") or found.get("isotonic")):
            continue
        rows.append([named(name, estimators[name]["title"], estimators), *[""] * len(_RECALIBRATED)])
        kinds.append("group")
        for method, title in _AFTER.items():
            if found.get(method):
                rows.append([title, *(cell(found[method].get(key)) for key in _RECALIBRATED)])
                kinds.append("level")
    if not rows:
        return ""
    return table(
        ["", *(_TITLES[key] for key in _RECALIBRATED)],
        rows,
        caption="Calibration as the risks are and after recalibration on tuning people",
        kinds=kinds,
    )


def _points(estimator: Mapping[str, Any]) -> str:
    points = estimator.get("operating_points") or []
    if not points:
        return ""
    rows = [
        [escape(str(point["name"])), *(_point_cell(key, point.get(key)) for key, _ in _POINT)] for point in points
    ]
    title = f"Operating points: {estimator['title']}"
    head = ["", *(label for _, label in _POINT)]
    return table(head, rows, caption=title)


def _point_cell(key: str, figure_: Any) -> str:
    value = value_of(figure_)
    if value is None:
        return "undefined"
    shape = ".1f" if key == "alerts_per_event" else ".1%"
    low = figure_.get("low") if isinstance(figure_, Mapping) else None
    high = figure_.get("high") if isinstance(figure_, Mapping) else None
    interval = "" if low is None or high is None else f"<small>{low:{shape}} to {high:{shape}}</small>"
    return f"{value:{shape}}{interval}"


def _legend(estimators: Mapping[str, Any]) -> str:
    look = looks(list(estimators))
    return keys((estimators[name]["title"], *look[name]) for name in drawn_names(estimators))


def _not_drawn(estimators: Mapping[str, Any]) -> str:
    """Name the estimators for which there is no line."""
    drawn = drawn_names(estimators)
    left = [one["title"] for name, one in estimators.items() if name not in drawn]
    return f" Not drawn, but in the tables: {'; '.join(left)}." if left else ""


def _base(metrics: Metrics) -> str:
    compared = metrics["compared"]
    return (
        f"{compared['rows']:,} predictions for {compared['subjects']:,} held-out people, "
        f"{compared['positives']:,} with the event."
    )


def _level(metrics: Metrics) -> str:
    return f"{metrics['bootstrap']['level']:.0%}"
