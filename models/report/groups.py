"""Sections on parts of the people: subgroups, before and after a point of time, and how early an alarm comes."""

from collections.abc import Iterator, Mapping, Sequence
from html import escape
from typing import Any, Final

from models.page import keys, note, section, table
from models.report.drawing import looks
from models.report.hiding import HIDDEN, SMALLEST_SHOWN
from models.report.results import cell
from models.report.words import number, value_of

ATTRIBUTES: Final = {
    "sex": "Sex",
    "age_band": "Age, years",
    "race": "Race",
    "ethnicity": "Ethnicity",
    "site": "Site",
    "care_unit": "Care unit",
    "year": "Year",
}
SHOWN: Final = 2
"""So many estimators are drawn in a subgroup: more lines cannot be told apart."""
_COUNTS: Final = ("rows", "positives")
_WIDTH, _LINE, _EDGE = 220, 12, 8
"""Size of the bars of one subgroup, in units of their SVG."""

Metrics = Mapping[str, Any]
Scale = tuple[float, float]


def subgroups(metrics: Metrics) -> str:
    """Return the section on subgroups as a forest plot: a row per group, with the AUROC and its interval as bars."""
    groups = metrics.get("subgroups") or []
    if not groups:
        return ""
    names = list(metrics["estimators"])[:SHOWN]
    scale = _scale(groups, metrics, names)
    rows: list[list[str]] = [_whole(metrics, names, scale)]
    kinds = [""]
    for place, group in enumerate(groups):
        if not place or groups[place - 1]["attribute"] != group["attribute"]:
            title = ATTRIBUTES.get(group["attribute"], str(group["attribute"]).replace("_", " "))
            rows.append([escape(title), *[""] * (4 + len(names))])
            kinds.append("group")
        rows.append(_row(group, metrics, names, scale))
        kinds.append("level")
    titles = [metrics["estimators"][name]["title"] for name in names]
    head = ["", "people", "predictions", "with the event", *(f"AUROC<br>{escape(title)}" for title in titles)]
    head.append(_axis(scale))
    look = looks(list(metrics["estimators"]))
    legend = keys((title, look[name][0], "") for name, title in zip(names, titles, strict=True))
    shown = table(head, rows, caption="AUROC by subgroup", kinds=kinds)
    return section("For whom it is better or worse", legend, shown, _gaps(metrics, names), note(_FOOTNOTE))


_FOOTNOTE: Final = (
    f"The upright line is the AUROC of the first estimator for all. {HIDDEN}: groups of 1 to {SMALLEST_SHOWN - 1} "
    "people or events are hidden, and figures that few events would decide are left out. Small groups differ by "
    "chance; a gap whose interval holds 0 shows nothing."
)


def temporal(metrics: Metrics) -> str:
    """Return the section on predictions before and after a point of time, where it was asked for."""
    found = metrics.get("temporal")
    if not found:
        return ""
    parts = [(word, found[word]) for word in ("before", "after") if found.get(word)]
    rows: list[list[str]] = []
    kinds: list[str] = []
    for name, estimator in metrics["estimators"].items():
        rows.append([escape(estimator["title"]), *[""] * 6])
        kinds.append("group")
        for word, part in parts:
            measured = _measured(part, name)
            counts = [f"{part[key]:,}" if part.get(key) is not None else escape(HIDDEN) for key in _COUNTS]
            values = [cell(measured.get(key)) for key in ("auroc", "auprc", "calibration_in_the_large", "ece")]
            rows.append([word, *counts, *values])
            kinds.append("level")
    when = str(found.get("at") or found.get("time") or found.get("cut") or "")[:16].replace("T", " ")
    head = ["", "predictions", "with the event", "AUROC", "AUPRC", "in the large", "ECE"]
    shown = table(head, rows, caption=f"Held-out predictions before and after {when}".rstrip(" after"), kinds=kinds)
    return section("Later years", shown, note("A model that learnt from one time may fit the next one less well."))


def early(metrics: Metrics) -> str:
    """Return the section on how early an alarm comes, where the rows lie in hospital stays."""
    found = metrics.get("early")
    measured = (found or {}).get("estimators", {})
    if not measured:
        return ""
    rows = [
        [escape(metrics["estimators"][name]["title"]), *(_figure(one.get(key)) for key in ("es", "osmae"))]
        for name, one in measured.items()
        if name in metrics["estimators"]
    ]
    shown = table(["", "ES", "OSMAE"], rows, caption="Early-prediction scores of rows in hospital stays")
    explained = (
        "ES rewards an alarm the more the earlier it comes before the outcome; OSMAE is the error over the whole "
        "stay (Gao et al., Patterns 2024)."
    )
    return section("How early it foresees", shown, note(explained))


def said_of_groups(metrics: Metrics) -> Iterator[tuple[str, str, str, list[str]]]:
    """Yield attribute, group, number of people and the AUROC of the first estimators of every subgroup, as text."""
    names = list(metrics["estimators"])[:SHOWN]
    for group in metrics.get("subgroups") or []:
        values = ["" if group["hidden"] else _said(_measured(group, name).get("auroc")) for name in names]
        title = ATTRIBUTES.get(group["attribute"], str(group["attribute"]))
        yield title, str(group["group"]), _count(group, "subjects"), values


def _said(estimate: Mapping[str, Any] | None) -> str:
    if estimate is None or estimate["value"] is None:
        return "undefined"
    value = number(estimate["value"])
    return value if estimate["low"] is None else f"{value} ({number(estimate['low'])} to {number(estimate['high'])})"


def _row(group: Mapping[str, Any], metrics: Metrics, names: Sequence[str], scale: Scale) -> list[str]:
    counts = [escape(_count(group, key)) for key in ("subjects", "n", "positives")]
    if group["hidden"]:
        return [escape(str(group["group"])), *counts, *["hidden"] * len(names), ""]
    found = [_measured(group, name).get("auroc") for name in names]
    return [escape(str(group["group"])), *counts, *map(cell, found), _bars(found, names, metrics, scale)]


def _whole(metrics: Metrics, names: Sequence[str], scale: Scale) -> list[str]:
    compared = metrics["compared"]
    found = [metrics["estimators"][name]["metrics"]["auroc"] for name in names]
    counts = [f"{compared[key]:,}" for key in ("subjects", "rows", "positives")]
    return ["<b>All</b>", *counts, *map(cell, found), _bars(found, names, metrics, scale)]


def _count(group: Mapping[str, Any], key: str) -> str:
    count = group.get(key)
    return HIDDEN if group["hidden"] or count is None else f"{count:,}"


def _gaps(metrics: Metrics, names: Sequence[str]) -> str:
    """Say the largest gap of each attribute, where it was computed."""
    lines = []
    for gap in metrics.get("subgroup_gaps") or []:
        estimate = (gap.get("auroc") or {}).get(names[0]) if isinstance(gap.get("auroc"), Mapping) else None
        estimate = estimate or (gap.get("estimators") or {}).get(names[0], {}).get("auroc")
        value = value_of(estimate)
        if value is not None:
            title = ATTRIBUTES.get(gap["attribute"], str(gap["attribute"]))
            lines.append(f"{title}: {_said(estimate) if isinstance(estimate, Mapping) else number(value)}")
    return note("Largest gap in AUROC between groups. " + "; ".join(lines) + ".") if lines else ""


def _measured(part: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    """Return the metrics of an estimator in a part of the rows."""
    found = (part.get("estimators") or {}).get(name) or {}
    inner = found.get("metrics", found)
    return inner if isinstance(inner, Mapping) else {}


def _figure(figure: Any) -> str:
    if isinstance(figure, Mapping) and "low" in figure:
        return cell(figure)
    value = value_of(figure)
    return "undefined" if value is None else number(value)


def _scale(groups: Sequence[Mapping[str, Any]], metrics: Metrics, names: Sequence[str]) -> Scale:
    """Return the ends of the axis, on tenths, that hold all intervals."""
    found = [metrics["estimators"][name]["metrics"]["auroc"] for name in names]
    found += [_measured(group, name).get("auroc") for group in groups if not group["hidden"] for name in names]
    values = [one[key] for one in found if one for key in ("value", "low", "high") if one[key] is not None]
    low, high = min([*values, 0.5]), max([*values, 0.9])
    return int(low * 10) / 10, min(1.0, int(high * 10 + 0.999) / 10)


def _bars(found: Sequence[Mapping[str, Any] | None], names: Sequence[str], metrics: Metrics, scale: Scale) -> str:
    """Return the intervals of the estimators as an SVG; the figures stand in the cells beside it."""
    look = looks(list(metrics["estimators"]))
    height = _LINE * len(names)
    whole = metrics["estimators"][names[0]]["metrics"]["auroc"]["value"]
    parts = [_upright(whole, scale, height, "soft")] if whole is not None else []
    for place, (name, estimate) in enumerate(zip(names, found, strict=True)):
        if estimate is None or estimate["value"] is None:
            continue
        y, colour = _LINE * (place + 0.5), f"var(--{look[name][0]})"
        if estimate["low"] is not None:
            low, high = _across(estimate["low"], scale), _across(estimate["high"], scale)
            parts.append(
                f'<line x1="{low:.1f}" x2="{high:.1f}" y1="{y}" y2="{y}" stroke="{colour}" stroke-width="2.5"/>'
            )
        parts.append(f'<circle cx="{_across(estimate["value"], scale):.1f}" cy="{y}" r="4" fill="{colour}"/>')
    return _svg(height, "".join(parts))


def _axis(scale: Scale) -> str:
    """Return the head of the column of bars: the ends of the axis and its middle."""
    low, high = scale
    ticks = ((low, "start", _EDGE), ((low + high) / 2, "middle", _WIDTH / 2), (high, "end", _WIDTH - _EDGE))
    texts = "".join(
        f'<text x="{x}" y="11" text-anchor="{side}" font-size="12" fill="var(--soft)">{tick:.2g}</text>'
        for tick, side, x in ticks
    )
    return _svg(15, texts)


def _svg(height: float, inner: str) -> str:
    return (
        f'<svg class="bars" viewBox="0 0 {_WIDTH} {height}" width="{_WIDTH}" height="{height}" aria-hidden="true">'
        f"{inner}</svg>"
    )


def _upright(value: float, scale: Scale, height: float, colour: str) -> str:
    x = _across(value, scale)
    return f'<line x1="{x:.1f}" x2="{x:.1f}" y1="0" y2="{height}" stroke="var(--{colour})" stroke-dasharray="2 3"/>'


def _across(value: float, scale: Scale) -> float:
    low, high = scale
    return _EDGE + (_WIDTH - 2 * _EDGE) * (value - low) / (high - low)
