"""The figures of a report: each function returns panels, an SVG and what it shows in words."""

from collections.abc import Mapping, Sequence
from typing import Any, Final

import numpy as np
import numpy.typing as npt
import polars as pl
from matplotlib.axes import Axes

from models.estimators import BAYES
from models.metrics import precision_recall_curve, roc_curve
from models.report.drawing import MARKS, SOFT, Panel, drawn, drawn_figure, line_style, looks, unit_square
from models.report.words import number, useful_range, with_interval

DOTS: Final = 2000
"""At most so many rows are drawn as dots; the SVG of more would weigh megabytes."""
CURVE_POINTS: Final = 400
DRAWN: Final = 5
_FOREST: Final = (
    ("auroc", "AUROC (higher is better)"),
    ("auprc", "AUPRC (higher is better)"),
    ("brier", "Brier score (lower is better)"),
)
_ENDS: Final = (0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.8)

Estimators = Mapping[str, Mapping[str, Any]]


def drawn_names(estimators: Estimators) -> list[str]:
    """Return the names of the estimators that are drawn in curves, in their order.

    More than DRAWN lines cannot be told apart: the first one, the truth, and of the others those that rank best.
    """
    first, *others = [name for name in estimators if name != BAYES]
    others.sort(key=lambda name: -(estimators[name]["metrics"]["auroc"]["value"] or 0))
    chosen = {first, *others[: DRAWN - 2], BAYES}
    return [name for name in estimators if name in chosen]


def forest(estimators: Estimators) -> list[Panel]:
    """Show AUROC, AUPRC and Brier score of each estimator with its interval, one panel each."""
    return [_forest(estimators, metric, title) for metric, title in _FOREST]


def curves(compared: pl.DataFrame, estimators: Estimators) -> list[Panel]:
    """Show the ROC and the precision-recall curve of each estimator; needs both outcomes."""
    outcome = compared["boolean_value"].to_numpy()
    look, names = looks(list(estimators)), drawn_names(estimators)
    with drawn("roc") as (axes, roc):
        for name in names:
            across, up = roc_curve(compared[f"risk_{name}"].to_numpy(), outcome)
            axes.plot(*_thinned(across, up), **line_style(look[name]))
        axes.plot([0, 1], [0, 1], color=SOFT, linewidth=1, linestyle=":")
        unit_square(axes, "ROC curve", "1 - specificity", "sensitivity")
    with drawn("precision") as (axes, precision):
        for name in names:
            across, up = precision_recall_curve(compared[f"risk_{name}"].to_numpy(), outcome)
            axes.step(*_thinned(across, up), where="pre", **line_style(look[name]))
        axes.axhline(outcome.mean(), color=SOFT, linewidth=1, linestyle=":")
        unit_square(axes, "Precision-recall curve", "sensitivity (recall)", "PPV (precision)")
    return [
        (roc[0], f"ROC curves. {_each(estimators, 'auroc', 'AUROC')}"),
        (precision[0], f"Precision-recall curves. {_each(estimators, 'auprc', 'AUPRC')}"),
    ]


def calibration(compared: pl.DataFrame, estimators: Estimators) -> list[Panel]:
    """Show, for each estimator, what came against what was foretold in ten bins, and how the risks are spread."""
    highest = _upper(estimators)
    look = looks(list(estimators))
    return [
        _calibration_panel(name, estimators[name], compared[f"risk_{name}"].to_numpy(), look[name][0], highest)
        for name in drawn_names(estimators)
    ]


def decision_curve(estimators: Estimators, everyone: Sequence[float | None]) -> list[Panel]:
    """Show the net benefit of acting above each threshold, beside acting on everyone and on no one."""
    shown = {name: estimators[name] for name in drawn_names(estimators) if estimators[name].get("decision_curve")}
    look = looks(list(estimators))
    first = next(iter(shown.values()))["decision_curve"]
    with drawn("decision", 4.8, 3.4) as (axes, svg):
        for name, estimator in shown.items():
            curve = estimator["decision_curve"]
            axes.plot(curve["thresholds"], _numbers(curve["net_benefit"]), **line_style(look[name]))
        if first.get("low"):
            low, high = _numbers(first["low"]), _numbers(first["high"])
            colour = MARKS[look[next(iter(shown))][0]]
            axes.fill_between(first["thresholds"], low, high, color=colour, alpha=0.14, linewidth=0)
        all_treated = _numbers(everyone)
        axes.plot(first["thresholds"], all_treated, color=SOFT, linewidth=1.2, linestyle=":")
        axes.axhline(0, color=SOFT, linewidth=1)
        benefits = np.concatenate([_numbers(one["decision_curve"]["net_benefit"]) for one in shown.values()])
        highest = float(np.nanmax([*benefits, all_treated[0], 0.01]))
        axes.set(xlabel="threshold: act when the risk is above", ylabel="net benefit", title="Decision curve")
        axes.set_xlim(0, _furthest(first["thresholds"], [one["decision_curve"] for one in shown.values()]))
        axes.set_ylim(-0.25 * highest, 1.1 * highest)
    title = next(iter(shown.values()))["title"]
    return [(svg[0], f"Decision curves. {useful_range(title, first, everyone)}")]


def against_truth(compared: pl.DataFrame, estimators: Estimators) -> list[Panel]:
    """Show each estimator's risk against the true probability, one dot per row."""
    dots = compared.sample(DOTS, seed=0) if compared.height > DOTS else compared
    look = looks(list(estimators))
    panels = []
    for name in drawn_names(estimators):
        estimator = estimators[name]
        if name == BAYES:
            continue
        with drawn(f"truth {name}") as (axes, svg):
            axes.plot([0, 1], [0, 1], color=SOFT, linewidth=1, linestyle=":")
            mark = MARKS[look[name][0]]
            axes.plot(dots["risk_bayes"], dots[f"risk_{name}"], "o", color=mark, markersize=2.6, alpha=0.45, mew=0)
            unit_square(axes, _broken(estimator["title"], 40), "true probability", "predicted risk")
        distance = estimator["distance_to_truth"]
        away = f" The mean distance is {with_interval(distance)}." if distance else ""
        panels.append((svg[0], f"Risk of {estimator['title']} against the true probability.{away}"))
    return panels


def training_curves(training: Mapping[str, Any]) -> list[Panel]:
    """Show the loss on training and on tuning subjects after each pass, one panel for each stage that has a curve."""
    stages = (("pre_training", "Pre-training"), ("fine_tuning", "Fine-tuning"))
    return [
        _loss_panel(title, training[stage]["curve"])
        for stage, title in stages
        if (training.get(stage) or {}).get("curve")
    ]


def _loss_panel(title: str, curve: Sequence[Mapping[str, Any]]) -> Panel:
    passes = [step["pass"] for step in curve]
    tuning = _numbers([step["tuning_loss"] for step in curve])
    with drawn(f"loss {title}", 4.5, 2.9) as (axes, svg):
        for key, colour, dashes in (("training_loss", "teal", "7 3"), ("tuning_loss", "blue", "")):
            losses = _numbers([step[key] for step in curve])
            axes.plot(passes, losses, marker="o", markersize=3.5, **line_style((colour, dashes)))
        axes.set(title=title, xlabel="pass over the training people", ylabel="loss")
        axes.locator_params(axis="x", integer=True, nbins=7)
    if np.isnan(tuning).all():
        return svg[0], f"{title}: training loss over {len(curve)} passes; the tuning loss is not known."
    best = int(np.nanargmin(tuning))
    return svg[0], (
        f"{title}: the tuning loss was lowest, {tuning[best]:.3f}, after pass {passes[best]} of {len(curve)}."
    )


def _forest(estimators: Estimators, metric: str, title: str) -> Panel:
    names = list(estimators)
    look = looks(names)
    with drawn_figure(f"forest {metric}", 3.6, 1.0 + 0.34 * len(names)) as (figure, svg):
        figure.suptitle(title, x=0.01, ha="left", fontsize=10.5)
        axes = figure.subplots()
        axes.locator_params(axis="x", nbins=4)
        axes.grid(axis="y", visible=False)
        axes.tick_params(axis="y", length=0)
        axes.spines["left"].set_visible(False)
        axes.margins(x=0.12)
        for place, name in enumerate(names):
            _interval(axes, place, estimators[name]["metrics"][metric], MARKS[look[name][0]])
        axes.set_yticks(range(len(names)), [_broken(estimators[name]["title"]) for name in names])
        axes.set_ylim(len(names) - 0.4, -0.6)
    return svg[0], f"{title}. {_each(estimators, metric, '')}"


def _interval(axes: Axes, place: int, estimate: Mapping[str, float | None], mark: str) -> None:
    if estimate["value"] is None:
        axes.annotate(
            "undefined", (0.5, place), xycoords=("axes fraction", "data"), ha="center", va="center", color=SOFT
        )
        return
    if estimate["low"] is not None and estimate["high"] is not None:
        axes.plot(
            [estimate["low"], estimate["high"]], [place, place], color=mark, linewidth=2.2, solid_capstyle="round"
        )
    axes.plot([estimate["value"]], [place], "o", color=mark, markersize=6.5)


def _calibration_panel(
    name: str, estimator: Mapping[str, Any], risk: npt.NDArray[np.float64], colour: str, highest: float
) -> Panel:
    mark = MARKS[colour]
    with drawn_figure(f"calibration {name}", 3.6, 4.1) as (figure, svg):
        upper, lower = figure.subplots(2, 1, sharex=True, height_ratios=(4.2, 1))
        upper.plot([0, 1], [0, 1], color=SOFT, linewidth=1, linestyle=":")
        for method, dashes in (("isotonic", "2 2"), ("platt", "7 3")):
            bins = ((estimator.get("recalibration") or {}).get(method) or {}).get("calibration_bins")
            if bins:
                upper.plot(*_points(bins), **line_style((colour, dashes), 1.2), marker=".", alpha=0.75)
        foretold, came = _points(estimator["calibration_bins"])
        low, high = (np.array([part[bound] for part in estimator["calibration_bins"]]) for bound in ("low", "high"))
        spread = np.abs(np.stack([came - low, high - came]))
        upper.errorbar(foretold, came, yerr=spread, fmt="o-", color=mark, markersize=4, linewidth=1.4, elinewidth=1.1)
        upper.set(
            xlim=(0, highest), ylim=(0, highest), ylabel="observed share", title=_broken(estimator["title"], 34)
        )
        lower.hist(risk, bins=np.linspace(0, highest, 41).tolist(), color=mark)
        lower.set(ylabel="rows", xlabel="predicted risk")
        lower.grid(axis="x", visible=False)
        lower.locator_params(axis="y", nbins=2)
    slope = estimator["metrics"]["calibration_slope"]
    said = "undefined" if slope["value"] is None else with_interval(slope)
    lowest, tallest = estimator["calibration_bins"][0], estimator["calibration_bins"][-1]
    return svg[0], (
        f"Calibration of {estimator['title']}: slope {said}. In the lowest bin {lowest['mean_risk']:.3f} was "
        f"foretold and {lowest['observed']:.3f} observed, in the highest {tallest['mean_risk']:.3f} and "
        f"{tallest['observed']:.3f}. Beneath, how the risks are spread."
    )


def _points(bins: Sequence[Mapping[str, float]]) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]:
    return np.array([part["mean_risk"] for part in bins]), np.array([part["observed"] for part in bins])


def _furthest(thresholds: Sequence[float], curves: Sequence[Mapping[str, Any]]) -> float:
    """Return the threshold up to which a decision curve is worth drawing: beyond it acting hardly gains anything."""
    benefits = np.fmax.reduce([_numbers(curve["net_benefit"]) for curve in curves])
    gains = np.flatnonzero(benefits > 0.02 * np.nanmax(benefits))
    return min(float(thresholds[-1]), max(0.2, 1.15 * thresholds[int(gains[-1])])) if len(gains) else 0.2


def _upper(estimators: Estimators) -> float:
    """Return the end of the calibration axes, so that rare events do not huddle in a corner."""
    bins = [part for estimator in estimators.values() for part in estimator["calibration_bins"]]
    reach = max(max(part["mean_risk"], part["high"]) for part in bins)
    return next((end for end in _ENDS if reach <= end), 1.0)


def _each(estimators: Estimators, metric: str, label: str) -> str:
    """Say the value of a metric for every estimator."""
    parts = []
    for estimator in estimators.values():
        estimate = estimator["metrics"][metric]
        said = "undefined" if estimate["value"] is None else number(estimate["value"])
        parts.append(f"{estimator['title']}: {label + ' ' if label else ''}{said}")
    return "; ".join(parts) + "."


def _broken(title: str, longest: int = 20) -> str:
    """Return a title on two lines when it is long, so that labels leave room for the figure."""
    words = title.split()
    if len(title) <= longest or len(words) == 1:
        return title
    cut = min(range(1, len(words)), key=lambda at: abs(len(" ".join(words[:at])) - len(title) / 2))
    return " ".join(words[:cut]) + "\n" + " ".join(words[cut:])


def _thinned(
    across: npt.NDArray[np.float64], up: npt.NDArray[np.float64]
) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]:
    """Return a curve with few enough points, spread evenly along its length and with both ends."""
    if len(across) <= CURVE_POINTS:
        return across, up
    length = np.cumsum(np.append(0.0, np.abs(np.diff(across)) + np.abs(np.diff(up))))
    places = np.unique(np.searchsorted(length, np.linspace(0, length[-1], CURVE_POINTS)))
    places = np.unique(np.append(places, [0, len(across) - 1]).clip(0, len(across) - 1))
    return across[places], up[places]


def _numbers(values: Sequence[float | None]) -> npt.NDArray[np.float64]:
    return np.array([np.nan if value is None else value for value in values], dtype=np.float64)
