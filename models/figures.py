"""The figures of a report, as inline SVG that takes its colours and its font from the page around it."""

import io
import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any, Final

import matplotlib
import numpy as np
import polars as pl
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from models.metrics import precision_recall_curve, roc_curve

INK: Final = "#0a0b01"
SOFT: Final = "#0a0b02"
GRID: Final = "#0a0b03"
SERIES: Final = {"supervised": "#0a0c01", "generated": "#0a0c02", "baseline": "#0a0c03", "bayes": "#0a0c04"}
"""Colours that no one sees: each is a mark that becomes a CSS variable, so that light and dark pages both fit."""
_OTHER: Final = "#0a0c05"
_VARIABLES: Final = {
    INK: "var(--ink)",
    SOFT: "var(--soft)",
    GRID: "var(--grid)",
    SERIES["supervised"]: "var(--supervised)",
    SERIES["generated"]: "var(--generated)",
    SERIES["baseline"]: "var(--baseline)",
    SERIES["bayes"]: "var(--bayes)",
    _OTHER: "var(--other)",
}
_STYLE: Final[dict[str, Any]] = {
    "svg.fonttype": "none",
    "font.size": 10,
    "text.color": INK,
    "axes.edgecolor": SOFT,
    "axes.labelcolor": INK,
    "axes.titlecolor": INK,
    "axes.titlesize": 10.5,
    "axes.titlelocation": "left",
    "axes.facecolor": "none",
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "axes.axisbelow": True,
    "grid.color": GRID,
    "grid.linewidth": 0.8,
    "xtick.color": SOFT,
    "ytick.color": SOFT,
    "xtick.labelcolor": INK,
    "ytick.labelcolor": INK,
    "figure.facecolor": "none",
    "savefig.facecolor": "none",
    "legend.frameon": False,
}
_SHOWN: Final = (
    ("auroc", "AUROC (higher is better)"),
    ("auprc", "AUPRC (higher is better)"),
    ("brier", "Brier score (lower is better)"),
)


def forest(estimators: Mapping[str, Mapping[str, Any]]) -> str:
    """Show AUROC, AUPRC and Brier score of each estimator with its interval."""
    names = list(estimators)
    with _figure("forest", 9.6, 0.7 + 0.42 * len(names)) as (figure, svg):
        panels = figure.subplots(1, len(_SHOWN), sharey=True)
        for axes, (metric, title) in zip(panels, _SHOWN, strict=True):
            axes.set_title(title)
            axes.locator_params(axis="x", nbins=4)
            axes.grid(axis="y", visible=False)
            axes.tick_params(axis="y", length=0)
            axes.spines["left"].set_visible(False)
            axes.margins(x=0.12)
            for place, name in enumerate(names):
                _interval(axes, place, estimators[name]["metrics"][metric], colour(name))
        panels[0].set_yticks(range(len(names)), [estimators[name]["title"] for name in names])
        panels[0].set_ylim(len(names) - 0.4, -0.6)
    return svg[0]


def curves(compared: pl.DataFrame, estimators: Mapping[str, Mapping[str, Any]]) -> str:
    """Show the ROC and the precision-recall curve of each estimator; needs both outcomes."""
    outcome = compared["boolean_value"].to_numpy()
    with _figure("curves", 9.6, 4.1) as (figure, svg):
        left, right = figure.subplots(1, 2)
        for name, estimator in estimators.items():
            risk = compared[f"risk_{name}"].to_numpy()
            line = {"color": colour(name), "linewidth": 1.7, "linestyle": "--" if name == "bayes" else "-"}
            left.plot(*roc_curve(risk, outcome), label=estimator["title"], **line)
            right.step(*precision_recall_curve(risk, outcome), where="pre", **line)
        left.plot([0, 1], [0, 1], color=SOFT, linewidth=1, linestyle=":")
        right.axhline(outcome.mean(), color=SOFT, linewidth=1, linestyle=":")
        _square(left, "ROC curve", "1 - specificity", "sensitivity")
        _square(right, "Precision-recall curve", "sensitivity (recall)", "positive predictive value (precision)")
        left.legend(loc="lower right", fontsize=9)
    return svg[0]


def calibration(compared: pl.DataFrame, estimators: Mapping[str, Mapping[str, Any]]) -> str:
    """Show, for each estimator, what came against what was foretold in ten bins, and how the risks are spread."""
    shown = list(estimators)
    highest = _upper(estimators)
    with _figure("calibration", 9.6, 3.9) as (figure, svg):
        panels = figure.subplots(2, len(shown), sharex=True, squeeze=False, height_ratios=(4, 1))
        for place, name in enumerate(shown):
            upper, lower = panels[0][place], panels[1][place]
            _calibration_panel(upper, estimators[name], colour(name), highest)
            upper.set_ylabel("observed share" if not place else "")
            lower.hist(compared[f"risk_{name}"].to_numpy(), bins=np.linspace(0, highest, 41), color=colour(name))
            lower.set_ylabel("rows" if not place else "")
            lower.set_xlabel("predicted risk")
            lower.grid(axis="x", visible=False)
            lower.locator_params(axis="y", nbins=2)
    return svg[0]


def against_truth(compared: pl.DataFrame, estimators: Mapping[str, Mapping[str, Any]]) -> str:
    """Show each estimator's risk against the true probability, one dot per row (at most 3,000)."""
    names = [name for name in estimators if name != "bayes"]
    dots = compared.sample(3000, seed=0) if compared.height > 3000 else compared
    with _figure("truth", 9.6, 3.6) as (figure, svg):
        panels = figure.subplots(1, max(len(names), 2), squeeze=False)[0]
        for axes, name in zip(panels, names, strict=False):
            axes.plot([0, 1], [0, 1], color=SOFT, linewidth=1, linestyle=":")
            axes.plot(
                dots["risk_bayes"], dots[f"risk_{name}"], "o", color=colour(name), markersize=2.6, alpha=0.45, mew=0
            )
            _square(
                axes, estimators[name]["title"], "true probability", "predicted risk" if axes is panels[0] else ""
            )
        for axes in panels[len(names) :]:
            axes.set_visible(False)
    return svg[0]


def colour(name: str) -> str:
    """Return the mark of an estimator's colour."""
    return SERIES.get(name, _OTHER)


def _calibration_panel(axes: Axes, estimator: Mapping[str, Any], mark: str, highest: float) -> None:
    bins = estimator["calibration_bins"]
    foretold = np.array([part["mean_risk"] for part in bins])
    came = np.array([part["observed"] for part in bins])
    low, high = (np.array([part[bound] for part in bins]) for bound in ("low", "high"))
    axes.plot([0, 1], [0, 1], color=SOFT, linewidth=1, linestyle=":")
    axes.errorbar(
        foretold,
        came,
        yerr=np.abs(np.stack([came - low, high - came])),
        fmt="o-",
        color=mark,
        markersize=4,
        linewidth=1.1,
        elinewidth=1.1,
    )
    axes.set_title(estimator["title"], fontsize=9.5)
    axes.set_xlim(0, highest)
    axes.set_ylim(0, highest)


def _upper(estimators: Mapping[str, Mapping[str, Any]]) -> float:
    """Return the end of the calibration axes, so that rare events do not huddle in a corner."""
    bins = [part for estimator in estimators.values() for part in estimator["calibration_bins"]]
    reach = max(max(part["mean_risk"], part["high"]) for part in bins)
    return next((end for end in (0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.8) if reach <= end), 1.0)


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


def _square(axes: Axes, title: str, across: str, up: str) -> None:
    axes.set(title=title, xlabel=across, ylabel=up, xlim=(-0.01, 1.01), ylim=(-0.01, 1.01), aspect="equal")
    axes.set_xticks(np.linspace(0, 1, 6))
    axes.set_yticks(np.linspace(0, 1, 6))


@contextmanager
def _figure(name: str, width: float, height: float) -> Iterator[tuple[Figure, list[str]]]:
    """Give a figure and a list into which its SVG is put at the end; `name` keeps the ids of figures apart."""
    svg: list[str] = []
    style: Any = {**_STYLE, "svg.hashsalt": name}
    with matplotlib.rc_context(style):
        figure = Figure(figsize=(width, height), layout="constrained")
        yield figure, svg
        buffer = io.StringIO()
        figure.savefig(buffer, format="svg", metadata={"Date": None, "Creator": None})
    svg.append(_themed(buffer.getvalue()))


def _themed(drawn: str) -> str:
    """Return the svg element alone, with CSS variables for the marks and the font of the page."""
    element = drawn[drawn.index("<svg") :]
    element = re.sub(r"<metadata>.*?</metadata>", "", element, flags=re.DOTALL)
    element = re.sub(r"font-family: [^;\"]+|font: (\d+(?:\.\d+)?px) [^;\"]+", _font, element)
    element = re.sub(r'(<svg[^>]*?) width="[^"]+"', r"\1", element, count=1)
    element = re.sub(r'(<svg[^>]*?) height="[^"]+"', r"\1", element, count=1)
    element = re.sub(r'<g id="[^"]+"', "<g", element)  # names such as axes_1 come again in every figure
    for mark, variable in _VARIABLES.items():
        element = element.replace(mark, variable)
    return element


def _font(found: re.Match[str]) -> str:
    return f"font-size: {found[1]}" if found[1] else "font-family: inherit"
