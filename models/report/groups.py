"""Sections on parts of the people: subgroups, before and after a point of time, and how early an alarm comes."""

from collections.abc import Iterator, Mapping, Sequence
from html import escape
from typing import Any, Final

from models.page import folded, keys, note, paragraph, section, table
from models.report.drawing import looks
from models.report.hiding import HIDDEN, SMALLEST_SHOWN
from models.report.results import cell
from models.report.words import number

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
_OVER_TIME: Final = (
    ("auroc", "AUROC"),
    ("auprc", "AUPRC"),
    ("calibration_in_the_large", "in the large"),
    ("ece", "ECE"),
)
_SUREST: Final = ("auroc", "auprc", "brier")
_DETAILS: Final = (
    ("auprc", "AUPRC"),
    ("brier", "Brier"),
    ("calibration_in_the_large", "in the large"),
    ("sensitivity", "sensitivity"),
    ("ppv", "PPV"),
)
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
    return section(
        "For whom it is better or worse",
        legend,
        shown,
        _gaps(metrics, names[0]),
        note(_FOOTNOTE),
        _details(groups, metrics, names[0]),
    )


_FOOTNOTE: Final = (
    f"The upright line is the AUROC of the first estimator for all. Hidden are groups of 1 to {SMALLEST_SHOWN - 1} "
    "people, with the event or without, and those that would give them away. Small groups differ by chance; a gap "
    "whose interval holds 0 shows nothing."
)


def temporal(metrics: Metrics) -> str:
    """Return the section on predictions before and after a point of time, where it was asked for."""
    found = metrics.get("temporal")
    if not found:
        return ""
    rows: list[list[str]] = []
    kinds: list[str] = []
    for name, estimator in metrics["estimators"].items():
        rows.append([escape(estimator["title"]), *[""] * (2 + len(_OVER_TIME))])
        kinds.append("group")
        for period in ("before", "after"):
            counts = [f"{found[period][key]:,}" for key in ("subjects", "positives")]
            values = found[period]["estimators"][name]
            rows.append([period, *counts, *(cell(values.get(key)) for key, _ in _OVER_TIME)])
            kinds.append("level")
        change = found["change"][name]
        rows.append(["change", "", "", *(cell(change.get(key), signed=True) for key, _ in _OVER_TIME)])
        kinds.append("level")
    when = str(found["cut"])[:16].replace("T", " ")
    head = ["", "people", "with the event", *(label for _, label in _OVER_TIME)]
    shown = table(head, rows, caption=f"Held-out predictions up to and after {when}", kinds=kinds)
    explained = paragraph(f"These are {found['kind']}. {_seen(found)}")
    return section("Earlier and later", explained, shown, note("A change whose interval holds 0 shows nothing."))


def _seen(found: Metrics) -> str:
    """Say how much of the later time was learnt from."""
    if found["seen"] == "all":
        return (
            "The model has learnt from others of the later time too, so this is no look into a future that it has "
            "not seen; 'ehr train --until' makes one."
        )
    until = str(found["learnt_until"])[:16].replace("T", " ")
    if found["seen"] == "part":
        return (
            f"The model has learnt from others up to {until}, which is part of the later time, so what comes before "
            "that is no future that it has not seen."
        )
    but = ", but for the vocabulary, which counted later codes and values" if found["vocabulary_seen"] else ""
    return (
        f"Nothing after {until} was learnt from, by the model or by those beside it{but}: the later rows are a "
        "future that none of them has seen."
    )


def early(metrics: Metrics) -> str:
    """Return the section on how early an alarm comes, where the rows lie in hospital stays."""
    found = metrics.get("early")
    if not found:
        return ""
    rows = []
    for name, one in found["estimators"].items():
        point = one["at_operating_point"]
        figures = (one["es"], one["osmae"], point["es"], point["osmae"])
        rows.append([escape(metrics["estimators"][name]["title"]), *map(cell, figures)])
    above = next(iter(found["estimators"].values()))["above"]
    point_name = next(iter(found["estimators"].values()))["at_operating_point"]["name"]
    head = ["", f"ES, alarm above {above:g}", f"OSMAE, above {above:g}", f"ES at {escape(point_name)}", "OSMAE there"]
    shown = table(head, rows, caption=f"Early prediction: {found['rows']:,} predictions in {found['stays']:,} stays")
    explained = (
        "ES, at most 1: an event foretold early earns most, one missed near the end and a false alarm cost. OSMAE, "
        "in days: how far the foretold rest of the stay is off, and more where the outcome is wrong (Gao et al., "
        f"Patterns 2024). Early is while more than {found['threshold_days']:.1f} days remain, half of a mean stay."
    )
    return section("How early it foresees", shown, note(explained))


def surest(metrics: Metrics) -> str:
    """Return the section on the predictions of which the first estimator is surest."""
    estimator = next(iter(metrics["estimators"].values()))
    told = estimator.get("coverage")
    if not told or len(told["levels"]) < 2:
        return ""
    rows = [
        [f"{level['coverage']:.0%}", f"{level['rows']:,}", *(cell(level["metrics"].get(key)) for key in _SUREST)]
        for level in told["levels"]
    ]
    head = ["of all predictions", "predictions", "AUROC", "AUPRC", "Brier"]
    shown = table(head, rows, caption=f"{estimator['title']} on the predictions it is surest of")
    explained = (
        f"Sure is told by the {told['uncertain_by']}. If the figures do not get better downwards, the estimator does "
        "not know when it is wrong."
    )
    return section("Whether it knows when it is unsure", shown, note(explained))


def said_of_groups(metrics: Metrics) -> Iterator[tuple[str, str, str, list[str]]]:
    """Yield attribute, group, number of people and the AUROC of the first estimators of every subgroup, as text."""
    names = list(metrics.get("estimators") or {})[:SHOWN]
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


def _gaps(metrics: Metrics, name: str) -> str:
    """Say the largest gap of each attribute, where it was computed."""
    lines = []
    for gap in metrics.get("subgroup_gaps") or []:
        found = gap["estimators"].get(name, {}).get("auroc")
        if found and found["value"] is not None:
            title = ATTRIBUTES.get(gap["attribute"], str(gap["attribute"]))
            lines.append(f"{title}: {_said(found)} between {found['highest']} and {found['lowest']}")
    who = metrics["estimators"][name]["title"]
    return note(f"Largest gap in AUROC of {who} between groups. {'; '.join(lines)}.") if lines else ""


def _details(groups: Sequence[Mapping[str, Any]], metrics: Metrics, name: str) -> str:
    """Return further figures of the first estimator by subgroup, shown on demand."""
    rows = [
        [
            escape(f"{ATTRIBUTES.get(group['attribute'], group['attribute'])}: {group['group']}"),
            *(cell(_measured(group, name).get(key)) for key, _ in _DETAILS),
        ]
        for group in groups
        if not group["hidden"]
    ]
    title = f"{metrics['estimators'][name]['title']}: further figures by subgroup"
    point = next((group.get("operating_point") for group in groups if group.get("operating_point")), None)
    where = note(f"Sensitivity and PPV at the operating point {point}.") if point else ""
    return folded(title, table(["", *(label for _, label in _DETAILS)], rows, caption=title) + where) if rows else ""


def _measured(part: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    """Return the metrics of an estimator in a part of the rows."""
    found = (part.get("estimators") or {}).get(name) or {}
    inner = found.get("metrics", found)
    return inner if isinstance(inner, Mapping) else {}


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
