"""Subgroups: the figures of every group, the largest gaps between groups, and which groups are too small to show.

A group is hidden when the subjects in it, or those of them with the event, or those without, number 1 to 10. Groups
of one attribute part the compared rows, whose totals are told; where what is hidden could be worked out from the
totals, the next smallest groups are hidden as well, until the hidden ones together are no small number either.
"""

from collections.abc import Mapping
from typing import Any, Final

import numpy as np
import polars as pl

from models.estimators import KEY
from models.evaluation.compared import Compared, is_small, people, plain
from models.evaluation.uses import MAIN_POINT, main_thresholds
from models.facts import ATTRIBUTES
from models.metrics import Sample, Statistic, pairs, sample
from models.metrics.bootstrap import estimate
from models.metrics.measures import GROUP_METRICS, measures
from models.metrics.operating import operating_values
from models.metrics.rows import Floats, Ints, Ranked, Weighted, ranked, weighted

UNKNOWN: Final = "unknown"
OTHERS: Final = "all others"
GROUPS_AT_MOST: Final = 20
AT_POINT: Final = ("sensitivity", "ppv")
"""What is measured of a subgroup at the operating point of all."""

Places = dict[str, Ints]


def subgroups(
    compared: Compared, facts: pl.DataFrame
) -> tuple[list[dict[str, Any]], list[dict[str, Any]], str | None]:
    """Return the figures of every group of every attribute, the largest gaps of each attribute, and a remark.

    `facts` are those of `models.facts.row_facts`. An attribute with fewer than two groups is left out, and one of
    which every group is too small as well, which the remark tells.
    """
    known = facts.select(*KEY, *ATTRIBUTES).unique(KEY, maintain_order=True)
    rows = compared.table.select(KEY).join(known, on=KEY, how="left", maintain_order="left")
    thresholds = main_thresholds(compared)
    groups: list[dict[str, Any]] = []
    gaps: list[dict[str, Any]] = []
    too_small: list[str] = []
    for attribute in ATTRIBUTES:
        places = _places(rows[attribute])
        if len(places) < 2:
            continue
        hidden = hidden_groups(compared, places)
        if len(hidden) == len(places):
            too_small.append(attribute.replace("_", " "))
            continue
        shown = {group: at for group, at in places.items() if group not in hidden}
        samples = _samples(compared, shown, thresholds)
        groups += [
            _group(compared, attribute, group, at, None if group in hidden else samples[group])
            for group, at in places.items()
        ]
        gaps += [{"attribute": attribute, "estimators": _gaps(samples)}] if len(samples) > 1 else []
    remark = f"no figures by {', '.join(too_small)}: the groups are too small to be shown" if too_small else None
    return groups, gaps, remark


def hidden_groups(compared: Compared, places: Places) -> set[str]:
    """Return the groups that are not shown: the small ones, and those that would give them away."""
    counts = {group: people(compared, at) for group, at in places.items()}
    by_size = sorted(counts, key=lambda group: (min(counts[group]), counts[group][0], group))
    hidden = {group for group in by_size if is_small(counts[group])}
    if not hidden:
        return hidden
    for group in (group for group in by_size if group not in hidden):
        together = people(compared, np.concatenate([places[name] for name in hidden]))
        if len(hidden) > 1 and not is_small(together):
            break
        hidden.add(group)
    return hidden


def _places(column: pl.Series) -> Places:
    """Return the places of the rows of each group; beyond the largest ones they are one group."""
    named = column.fill_null(UNKNOWN)
    if named.n_unique() < 2:
        return {}
    counts = named.value_counts().sort(["count", column.name], descending=[True, False])
    kept = counts[column.name].to_list()
    if len(kept) > GROUPS_AT_MOST:
        kept = kept[: GROUPS_AT_MOST - 1]
        named = pl.select(pl.when(named.is_in(kept)).then(named).otherwise(pl.lit(OTHERS))).to_series()
    values = named.to_numpy()
    return {group: np.flatnonzero(values == group) for group in sorted(set(values))}


def _samples(
    compared: Compared, places: Places, thresholds: Mapping[str, float | None]
) -> dict[str, dict[str, Sample]]:
    """Return for each group and estimator its metrics under the draws of all rows."""
    statistics = {
        (group, name): _statistic(ranked(risk, compared.outcome, at), thresholds[name])
        for group, at in places.items()
        for name, risk in compared.risks.items()
    }
    samples = sample(compared.draws, statistics)
    return {group: {name: samples[group, name] for name in compared.risks} for group in places}


def _statistic(rows: Ranked, threshold: float | None) -> Statistic:
    def measured(weights: Floats) -> dict[str, Floats]:
        under = weighted(rows, weights)
        return measures(under, GROUP_METRICS) | _at_point(under, threshold)

    return measured


def _at_point(under: Weighted, threshold: float | None) -> dict[str, Floats]:
    if threshold is None:
        return {value: np.full(len(under.weights), np.nan) for value in AT_POINT}
    values = operating_values(under, np.array([threshold]))
    return {value: values[value][:, 0] for value in AT_POINT}


def _group(
    compared: Compared, attribute: str, group: str, places: Ints, samples: dict[str, Sample] | None
) -> dict[str, Any]:
    """Return one group as plain values; of a hidden one its name alone."""
    if samples is None:
        return {
            "attribute": attribute, "group": group, "hidden": True, "n": None, "subjects": None, "positives": None,
            "operating_point": MAIN_POINT, "estimators": {}, "differences": [],
        }  # fmt: skip
    return {
        "attribute": attribute,
        "group": group,
        "hidden": False,
        "n": len(places),
        "subjects": len(np.unique(compared.subjects[places])),
        "positives": int(compared.outcome[places].sum()),
        "operating_point": MAIN_POINT,
        "estimators": {name: plain(measured.estimates()) for name, measured in samples.items()},
        "differences": [
            {"first": first, "second": second, "metrics": plain(samples[first].minus(samples[second]))}
            for first, second in pairs(list(samples))
        ],
    }


def _gaps(samples: dict[str, dict[str, Sample]]) -> dict[str, dict[str, Any]]:
    """Return for each estimator and metric the largest gap between two groups that are shown."""
    gaps: dict[str, dict[str, Any]] = {name: {} for name in next(iter(samples.values()))}
    for name, of_estimator in gaps.items():
        for metric in (*GROUP_METRICS, *AT_POINT):
            values = {group: samples[group][name].value[metric] for group in samples}
            known = sorted((group for group in values if np.isfinite(values[group])), key=lambda group: values[group])
            if len(known) > 1:
                of_estimator[metric] = _gap(samples, name, metric, known[-1], known[0])
    return gaps


def _gap(samples: dict[str, dict[str, Sample]], name: str, metric: str, highest: str, lowest: str) -> dict[str, Any]:
    """Return one gap with its paired interval, and how much larger it is than those of the other estimators there."""

    def between(estimator: str) -> tuple[float, Floats]:
        high, low = samples[highest][estimator], samples[lowest][estimator]
        return high.value[metric] - low.value[metric], high.drawn[metric] - low.drawn[metric]

    value, drawn = between(name)
    others = {other: between(other) for other in samples[highest] if other != name}
    return {
        "highest": highest,
        "lowest": lowest,
        **plain({metric: estimate(value, drawn)})[metric],
        "differences": plain(
            {other: estimate(value - middle, drawn - spread) for other, (middle, spread) in others.items()}
        ),
    }
