"""Drawings as inline SVG that take their colours and their font from the page around them.

Each drawing is one panel, small enough to be read on a phone; the page puts panels side by side where there is room.
"""

import io
import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any, Final

import matplotlib as mpl
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from models.page import SERIES

INK: Final = "#0a0b01"
SOFT: Final = "#0a0b02"
GRID: Final = "#0a0b03"
PAPER: Final = "#0a0b04"
MARKS: Final = {name: f"#0a0c{number:02x}" for number, name in enumerate(SERIES, start=1)}
"""Colours that no one sees: each is a mark that becomes a CSS variable, so that light and dark pages both fit."""
VARIABLES: Final = {
    INK: "var(--ink)",
    SOFT: "var(--soft)",
    GRID: "var(--grid)",
    PAPER: "var(--paper)",
    **{mark: f"var(--{name})" for name, mark in MARKS.items()},
}
DASHES: Final = ("", "7 3", "2 2", "9 3 2 3", "12 4")
"""Dashes by which lines differ beside their colour, as SVG writes them; "" is a whole line."""
_PREFERRED: Final = {
    "supervised": "blue",
    "generated": "violet",
    "baseline": "orange",
    "logistic": "orange",
    "boosting": "teal",
    "blend": "pink",
    "shuffled": "brown",
    "bayes": "grey",
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
}

Panel = tuple[str, str]
"""An SVG element, and a description of what it shows."""


def looks(names: Sequence[str]) -> dict[str, tuple[str, str]]:
    """Return a colour of the page and dashes for each estimator; the known ones always have the same colour."""
    taken = {_PREFERRED[name] for name in names if name in _PREFERRED}
    free = iter([colour for colour in SERIES if colour not in taken] * (1 + len(names) // 2))
    colours = {name: _PREFERRED[name] if name in _PREFERRED else next(free) for name in names}
    return {name: (colours[name], DASHES[place % len(DASHES)]) for place, name in enumerate(names)}


def line_style(look: tuple[str, str], width: float = 1.8) -> Mapping[str, Any]:
    """Return the look of a line as matplotlib takes it."""
    colour, dashes = look
    style = (0, tuple(float(part) / width for part in dashes.split())) if dashes else "-"
    return {"color": MARKS[colour], "linewidth": width, "linestyle": style}


@contextmanager
def drawn(name: str, width: float = 4.5, height: float = 3.7) -> Iterator[tuple[Axes, list[str]]]:
    """Give the axes of one panel and a list into which its SVG is put at the end; inches.

    `name` keeps the ids of drawings on one page apart.
    """
    with drawn_figure(name, width, height) as (figure, svg):
        yield figure.subplots(), svg


@contextmanager
def drawn_figure(name: str, width: float, height: float) -> Iterator[tuple[Figure, list[str]]]:
    """Give a figure for a panel that needs more than one pair of axes; otherwise as `drawn`."""
    svg: list[str] = []
    style: Any = {**_STYLE, "svg.hashsalt": name}
    with mpl.rc_context(style):
        figure = Figure(figsize=(width, height), layout="constrained")
        yield figure, svg
        buffer = io.StringIO()
        figure.savefig(buffer, format="svg", metadata={"Date": None, "Creator": None})
    svg.append(_themed(buffer.getvalue()))


def unit_square(axes: Axes, title: str, across: str, up: str) -> None:
    """Make axes from 0 to 1 on both sides."""
    axes.set(title=title, xlabel=across, ylabel=up, xlim=(-0.01, 1.01), ylim=(-0.01, 1.01))
    axes.set_xticks([0, 0.2, 0.4, 0.6, 0.8, 1])
    axes.set_yticks([0, 0.2, 0.4, 0.6, 0.8, 1])


def _themed(drawing: str) -> str:
    """Return the svg element alone, with CSS variables for the marks and the font of the page."""
    element = drawing[drawing.index("<svg") :]
    element = re.sub(r"<metadata>.*?</metadata>", "", element, flags=re.DOTALL)
    element = re.sub(r"font-family: [^;\"]+|font: (\d+(?:\.\d+)?px) [^;\"]+", _font, element)
    element = re.sub(r'(<svg[^>]*?) width="[^"]+"', r"\1", element, count=1)
    element = re.sub(r'(<svg[^>]*?) height="[^"]+"', r"\1", element, count=1)
    element = re.sub(r' xmlns:xlink="[^"]+"| version="1.1"', "", element)
    element = element.replace("xlink:href=", "href=")
    element = re.sub(r'<g id="[^"]+"', "<g", element)  # names such as axes_1 come again in every drawing
    for mark, variable in VARIABLES.items():
        element = element.replace(mark, variable)
    return element.strip()


def _font(found: re.Match[str]) -> str:
    return f"font-size: {found[1]}" if found[1] else "font-family: inherit"
