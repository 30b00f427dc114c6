"""What an evaluation says, in sentences: for the top of the page, for the terminal and for the model card."""

from collections.abc import Mapping, Sequence
from typing import Any, Final

from models.estimators import BAYES
from models.evaluate import FEW_POSITIVES
from models.evaluation.uses import MAIN_POINT

Metrics = Mapping[str, Any]
_ORDER_WORDS: Final = ((0.6, "hardly better than chance"), (0.7, "weakly"), (0.8, "moderately well"), (0.9, "well"))
WIDE_SLOPE: Final = 1.0
"""An interval of the calibration slope that is wider than this says nothing, even where it holds 1."""
LIMITS: Final = (
    "How the model would do in another hospital: held-out people come from the same store as the training people.",
    "Whether acting on a risk helps anyone. That takes a prospective study.",
    "How it does on one patient. Intervals of metrics are about the average over patients like these.",
    "The uncertainty of training: the intervals resample held-out people, with the model as it is.",
)
"""What no evaluation of this kind can show."""
NOT_SHOWN_IF_ABSENT: Final = {
    "subgroups": "Whether it is fair: results by sex, age or origin are not there.",
    "temporal": "How it would do in later years than those it learnt from: no split by time was asked for.",
    "table_one": "What the people are like: there is no table of their characteristics.",
    "audit": "Whether the outcome leaks into the inputs: no leakage audit was run with this evaluation.",
}
"""Keys of the metrics, and what cannot be said without them."""


def number(value: float) -> str:
    """Write a figure to three decimals."""
    return f"{value:.3f}"


def bounds(estimate: Mapping[str, Any]) -> str:
    """Write the interval of an estimate that has one."""
    return f"{estimate['low']:.3f} to {estimate['high']:.3f}"


def with_interval(estimate: Mapping[str, Any]) -> str:
    """Write an estimate that has a value, with its interval where there is one."""
    value = number(estimate["value"])
    return value if estimate["low"] is None else f"{value} ({bounds(estimate)})"


def task_title(metrics: Metrics) -> str:
    """Return the name of the task as a title.

    >>> task_title({"task": "icu_mortality"})
    'Icu mortality'
    """
    name = str(metrics.get("task") or "a task").replace("_", " ")
    return name[:1].upper() + name[1:]


def in_words(metrics: Metrics) -> list[str]:
    """Say the main results: each estimator's AUROC, and whether the first differs from each other one."""
    return [
        *(_said_of(name, estimator) for name, estimator in metrics["estimators"].items()),
        *verdicts(metrics),
    ]


def verdicts(metrics: Metrics) -> list[str]:
    """Say of every pair with the first estimator whether their AUROC differs; the truth is in no pair."""
    estimators = metrics["estimators"]
    pairs = [pair for pair in metrics["differences"] if BAYES not in (pair["first"], pair["second"])]
    leader = next(iter(estimators))
    return [
        _verdict(estimators[pair["first"]]["title"], estimators[pair["second"]]["title"], pair["metrics"]["auroc"])
        for pair in pairs
        if leader in (pair["first"], pair["second"])
    ]


def headline(metrics: Metrics) -> list[tuple[str, list[str]]]:
    """Return the questions that a reader has first, each with its answers."""
    name, leader = next(iter(metrics["estimators"].items()))
    return [
        ("What is foreseen", _foreseen(metrics)),
        ("For whom", _for_whom(metrics)),
        ("How good is it", _how_good(leader, metrics)),
        ("May it be trusted", trust(metrics, name)),
        ("What it is not for", NOT_FOR),
    ]


NOT_FOR: Final = [
    "Decisions about a patient. This is research output: nobody has shown that acting on these risks helps, and no "
    "authority has cleared it.",
    "People unlike those described here, such as those of another hospital, without an evaluation there first.",
]


def trust(metrics: Metrics, name: str) -> list[str]:
    """Say what speaks for and against relying on the estimator `name`: events, numbers, rivals, audit."""
    estimator = metrics["estimators"][name]
    lines = [_on_events(metrics), _on_calibration(estimator), _on_rival(metrics, name), _on_audit(metrics)]
    return [line for line in lines if line]


def missing(metrics: Metrics) -> list[str]:
    """Say what this evaluation does not know, beside what none of its kind could."""
    absent = [text for key, text in NOT_SHOWN_IF_ABSENT.items() if not metrics.get(key)]
    return [*LIMITS, *absent]


def useful_range(title: str, curve: Mapping[str, Any], everyone: Sequence[float | None]) -> str:
    """Say at which thresholds acting on a risk has more net benefit than acting on everyone and than on no one."""
    points = zip(curve["thresholds"], curve["net_benefit"], everyone, strict=True)
    useful = [point for point, one, all_treated in points if one is not None and one > max(all_treated or 0, 0)]
    if not useful:
        return f"There is no threshold at which acting on {title} beats acting on everyone and on no one."
    return (
        f"Acting on {title} beats acting on everyone and on no one at {len(useful)} of {len(curve['thresholds'])} "
        f"thresholds, between {min(useful):g} and {max(useful):g}."
    )


def _foreseen(metrics: Metrics) -> list[str]:
    described = metrics.get("task_description")
    first = [str(described)] if described else []
    compared = metrics["compared"]
    return [*first, f"It happened in {_share(compared)} of the predictions that are judged here."]


def _for_whom(metrics: Metrics) -> list[str]:
    compared, counts = metrics["compared"], metrics["counts"]
    lines = [
        f"Judged on {compared['rows']:,} predictions for {compared['subjects']:,} people whom no estimator learnt "
        f"from; learnt from {counts['train']['rows']:,} predictions for {counts['train']['subjects']:,} others."
    ]
    table = metrics.get("table_one")
    age = next((line for line in (table or {}).get("lines", []) if line["name"].startswith("age")), None)
    medians = [cell.get("median") for cell in age["cells"]] if age else []
    if table and age and None not in medians:
        said = ", ".join(
            f"{median:.0f} years ({group['name']})" for median, group in zip(medians, table["groups"], strict=True)
        )
        lines.append(f"Median age: {said}.")
    return lines


def _how_good(leader: Mapping[str, Any], metrics: Metrics) -> list[str]:
    auroc = leader["metrics"]["auroc"]
    if auroc["value"] is None:
        return [f"{leader['title']}: it cannot be told, since all outcomes are the same."]
    word = next((said for bound, said in _ORDER_WORDS if auroc["value"] < bound), "very well")
    ranks = f"ranks {word}" if word.endswith(("ly", "well")) else f"ranks patients {word}"
    lines = [
        f"{leader['title']} {ranks}: of two such patients, one with the event and one without, it gives the one with "
        f"the event the higher risk {auroc['value']:.0%} of the time{_percent_interval(auroc)}; a coin would 50%."
    ]
    point = _chosen_point(leader)
    return [*lines, *([point] if point else []), *verdicts(metrics)[:2]]


def _chosen_point(leader: Mapping[str, Any]) -> str | None:
    """Say what one operating point means among 1,000 predictions: the main one, or the first that has figures."""
    for point in sorted(leader.get("operating_points") or [], key=lambda one: one["name"] != MAIN_POINT):
        sensitivity, ppv, flagged = (value_of(point.get(key)) for key in ("sensitivity", "ppv", "flagged"))
        if sensitivity is not None and ppv is not None and flagged is not None and 0 < flagged <= 1:
            return (
                f"With an alarm above {value_of(point['threshold']):.1%} ({point['name']}), {flagged * 1000:.0f} of "
                f"1,000 predictions raise one; {ppv:.0%} of the alarms are followed by the event, and "
                f"{sensitivity:.0%} of the events had one."
            )
    return None


def value_of(figure: Any) -> float | None:
    """Return the value of a figure, whether it comes with an interval or as a plain number."""
    if isinstance(figure, Mapping):
        figure = figure.get("value")
    return None if figure is None else float(figure)


def _on_events(metrics: Metrics) -> str:
    compared = metrics["compared"]
    rarer = min(compared["positives"], compared["rows"] - compared["positives"])
    if rarer < FEW_POSITIVES:
        return f"No: only {rarer} predictions have the rarer outcome, so every figure here may be far off."
    if rarer < 100:
        return (
            f"With caution: {rarer} predictions have the rarer outcome; fewer than 100 leave wide intervals, above "
            "all for calibration."
        )
    return f"There are {rarer:,} predictions with the rarer outcome, enough for intervals to mean something."


def _on_calibration(estimator: Mapping[str, Any]) -> str:
    slope, large = (estimator["metrics"][name] for name in ("calibration_slope", "calibration_in_the_large"))
    if slope["value"] is None or slope["low"] is None:
        return "Whether its risks can be read as chances is not known: the calibration slope is undefined."
    wrong = []
    if slope["high"] < 1 or slope["low"] > 1:
        wrong.append("too extreme" if slope["high"] < 1 else "too timid")
    if large["low"] is not None and (large["low"] > 0 or large["high"] < 0):
        wrong.append("too low on average" if large["low"] > 0 else "too high on average")
    if wrong:
        return (
            f"Its risks are not to be read as chances: they are {' and '.join(wrong)} (slope {with_interval(slope)})."
        )
    if slope["high"] - slope["low"] > WIDE_SLOPE:
        return (
            "Whether its risks can be read as chances cannot be told from so few: the calibration slope is "
            f"{with_interval(slope)}, and 1 would be right."
        )
    return (
        "Its risks may be read as chances as far as these data can tell: the calibration slope is "
        f"{with_interval(slope)}, and 1 would be right."
    )


def _on_rival(metrics: Metrics, name: str) -> str:
    """Say which other estimators rank better or are not shown to rank worse; if so, the model is not needed."""
    better, unproven = [], []
    for pair in metrics["differences"]:
        auroc = pair["metrics"]["auroc"]
        if pair["first"] != name or pair["second"] == BAYES or auroc["low"] is None:
            continue
        title = metrics["estimators"][pair["second"]]["title"]
        if auroc["high"] < 0:
            better.append(title)
        elif auroc["low"] <= 0:
            unproven.append(title)
    if better:
        return f"On the same patients these rank better and should be preferred: {_listed(better)}."
    return f"It is not shown to rank better than these: {_listed(unproven)}." if unproven else ""


def _listed(names: Sequence[str]) -> str:
    return f"{', '.join(names[:-1])} and {names[-1]}" if len(names) > 1 else names[0]


def _on_audit(metrics: Metrics) -> str:
    audit = metrics.get("audit")
    if audit is None:
        return (
            "No leakage audit stands beside this evaluation: whether the inputs know the outcome was not looked at."
        )
    found = len(audit["findings"])
    if found:
        them = f"{found} findings: read them" if found > 1 else "a finding: read it"
        return f"The leakage audit has {them} before any figure."
    return "The leakage audit found nothing."


def _said_of(name: str, estimator: Mapping[str, Any]) -> str:
    auroc, distance = estimator["metrics"]["auroc"], estimator["distance_to_truth"]
    if auroc["value"] is None:
        return f"{estimator['title']}: the AUROC is undefined, since all outcomes are the same."
    if distance is None or name == BAYES:
        return f"{estimator['title']}: AUROC {with_interval(auroc)}."
    return (
        f"{estimator['title']}: AUROC {with_interval(auroc)}; {number(distance['value'])} from the true "
        "probability on average."
    )


def _verdict(first: str, second: str, estimate: Mapping[str, Any]) -> str:
    if estimate["value"] is None or estimate["low"] is None:
        return f"{first} and {second} cannot be compared by AUROC."
    if estimate["low"] > 0 or estimate["high"] < 0:
        better, worse = (first, second) if estimate["value"] > 0 else (second, first)
        return (
            f"{better} ranks better than {worse}: the AUROC differs by {abs(estimate['value']):.3f} "
            f"(interval of the difference {bounds(estimate)})."
        )
    return (
        f"{first} and {second} cannot be told apart by AUROC: the difference is {estimate['value']:+.3f} "
        f"({bounds(estimate)})."
    )


def _percent_interval(estimate: Mapping[str, Any]) -> str:
    return "" if estimate["low"] is None else f" (interval {estimate['low']:.0%} to {estimate['high']:.0%})"


def _share(counts: Mapping[str, int]) -> str:
    return f"{counts['positives'] / counts['rows']:.1%}" if counts["rows"] else "none"
