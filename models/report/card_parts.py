"""What each heading of a model card says: a function from the metrics of a run to blocks of Markdown."""

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from models.estimators import BASELINE
from models.report.groups import SHOWN, said_of_groups
from models.report.hiding import HIDDEN
from models.report.making import finding_text, size_of, stages, time_of
from models.report.people import PARTS, cell_text, difference, losses
from models.report.results import COLUMNS
from models.report.words import (
    LIMITS,
    NOT_FOR,
    in_words,
    missing,
    task_title,
    trust,
    useful_range,
    value_of,
    with_interval,
)

Card = Mapping[str, Any]
Blocks = list[str]
_SPECIAL: Final = re.compile(r"([\\`*_{}\[\]<>#|~])")


@dataclass(frozen=True, slots=True)
class Part:
    """A heading with what it says, and the items of TRIPOD+AI and the parts of MI-CLAIM-GEN that it tells of."""

    title: str
    says: Callable[[Card], Blocks]
    tripod: tuple[str, ...]
    claim: tuple[str, ...]


def plain(text: object) -> str:
    """Return text so that Markdown shows it as it is; line ends become spaces.

    >>> plain("a_b <script>")
    'a\\\\_b \\\\<script\\\\>'
    """
    return _SPECIAL.sub(r"\\\1", " ".join(str(text).split()))


def table(head: Sequence[str], rows: Sequence[Sequence[object]]) -> str:
    """Return a Markdown table of text."""
    lines = [head, ["---"] * len(head), *([plain(cell) for cell in row] for row in rows)]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def bullets(lines: Sequence[str]) -> str:
    """Return a Markdown list of text."""
    return "\n".join(f"- {plain(line)}" for line in lines)


def name_of(card: Card) -> str:
    """Return name and version of the model, for the title."""
    model = card.get("model") or {}
    return f"{plain(model['model'])} version {plain(model['version'])}" if model else plain(task_title(card))


def unknown(card: Card) -> Blocks:
    """Say nothing: a run cannot know this."""
    return []


def summary(card: Card) -> Blocks:
    """Say what the model foresees and how well."""
    task = card.get("task") or (card.get("model") or {}).get("task")
    what = f"A model of hospital records that foresees: {plain(task_title(card))}." if task else (
        "A model of hospital records without a task of its own: it generates futures."
    )  # fmt: skip
    return [what, *([bullets(in_words(card))] if "estimators" in card else [])]


def intended_use(card: Card) -> Blocks:
    """Say for what and for whom it is."""
    return [
        "Research: to study how far an outcome can be foreseen from records, and to compare models. Its users are "
        "people who know the records it was made from and can read intervals and calibration."
    ]


def not_intended(card: Card) -> Blocks:
    """Say for what it is not."""
    return [bullets(NOT_FOR)]


def context(card: Card) -> Blocks:
    """Say what the task says of its medical context; a run knows nothing of inequalities."""
    described = card.get("task_description")
    return [plain(described)] if described else []


def data(card: Card) -> Blocks:
    """Say where the records are from and which time they cover."""
    source = card.get("data")
    if not source:
        return []
    rows = [(key.replace("_", " "), value) for key, value in source.items() if value is not None]
    return [table(("what", "figure"), rows)]


def eligibility(card: Card) -> Blocks:
    """Say how the task came to its people."""
    steps = card.get("attrition") or []
    if not steps:
        return []
    rows = [(lost, left) for left, lost in losses(steps)]
    return [table(("left out", "left after that"), rows)]


def outcome(card: Card) -> Blocks:
    """Give the task as it was written, which defines the outcome."""
    text = card.get("task_text")
    if not text:
        return []
    fence = "`" * max(3, 1 + max(map(len, re.findall(r"`+", text)), default=0))
    return [
        "The outcome is what the window with a label says in this task file:",
        f"{fence}yaml\n{text.rstrip()}\n{fence}",
    ]


def predictors(card: Card) -> Blocks:
    """Say what is read of a record, and how."""
    told = card.get("predictors")
    if not told:
        return []
    lines = [
        "All events recorded up to the prediction time, as codes with the bin or the number of their value and the "
        "time between them; nothing later is read. Which codes have a token was fitted on training people alone."
    ]
    rows = [(key.replace("_", " "), value) for key, value in told.items() if value is not None]
    return [*lines, table(("vocabulary", "figure"), rows)]


def sample_size(card: Card) -> Blocks:
    """Say how many people and events each part has."""
    if "counts" not in card:
        return []
    counted = {**card["counts"], "compared": card["compared"]}
    rows = [
        (PARTS.get(name, name), *(f"{counts[key]:,}" for key in ("subjects", "rows", "positives")))
        for name, counts in counted.items()
    ]
    return ["All eligible people were taken; no size was aimed at.",
            table(("part", "people", "predictions", "with the event"), rows)]  # fmt: skip


def missing_data(card: Card) -> Blocks:
    """Say what happens to what is not recorded, and how many codes could not be read."""
    lines = [
        "Nothing is imputed: what was not recorded is absent from the timeline. A prediction warns when many of its "
        "events have codes that the model does not know, and abstains where nothing was known."
    ]
    unseen = card.get("unseen")
    rows = [
        (PARTS.get(name, name), f"{counts['events']:,}", _percent(counts["unseen_rate"]))
        for name, counts in (unseen or {}).items()
    ]
    return [*lines, *([table(("part", "events", "code without a token of its own"), rows)] if rows else [])]


def characteristics(card: Card) -> Blocks:
    """Give table one by outcome."""
    described = card.get("table_one")
    return [_table_one(described)] if described else []


def partition(card: Card) -> Blocks:
    """Say how people were parted, and how the parts differ."""
    if "counts" not in card:
        return []
    told = "A person is in one part only, by a hash of its number: 70 % training, 15 % tuning, 15 % held out."
    described = card.get("table_one_parts")
    return [told, *([_table_one(described)] if described else [])]


def model(card: Card) -> Blocks:
    """Say what kind of model it is, with its settings."""
    settings = card.get("settings")
    if not settings:
        return []
    rows = [(name, value) for group in settings.values() for name, value in group.items()]
    return [
        "A decoder with rotary positions on real time, pre-trained to foresee the next event; a copy of it with "
        "heads is fine-tuned for the outcome.",
        table(("setting", "value"), rows),
    ]


def training(card: Card) -> Blocks:
    """Say what it learnt from, for how long."""
    lines = stages(card.get("training") or {})
    return [bullets(lines)] if lines else []


def imbalance(card: Card) -> Blocks:
    """Say how rare outcomes are dealt with."""
    if "counts" not in card:
        return []
    counts = card["counts"]["train"]
    share = _percent(counts["positives"] / counts["rows"]) if counts["rows"] else "none"
    weight = (card.get("settings") or {}).get("optimisation", {}).get("positive_weight", 1)
    weighed = (
        "No class is weighted and no row is left out or doubled."
        if weight == 1
        else f"Those count {weight:g} times while learning, which is taken off the scores before calibration."
    )
    return [f"Of the training predictions {share} have the event. {weighed}"]


def output(card: Card) -> Blocks:
    """Say what a prediction is."""
    return [
        "A probability of the outcome with a 90 % interval, or an abstention with its reason. The interval says how "
        "far the estimate would move had other people been at hand to learn from; it is no range of outcomes. "
        "Thresholds are for whoever uses it to choose."
    ]


def rivals(card: Card) -> Blocks:
    """Name the estimators beside the model."""
    titles = [estimator["title"] for estimator in card.get("estimators", {}).values()]
    return [bullets(titles)] if titles else []


def performance(card: Card) -> Blocks:
    """Give the metrics with intervals, and what can be said of the differences."""
    if "estimators" not in card:
        return []
    rows = [
        (estimator["title"], *(_figure(estimator["metrics"].get(key)) for key, _ in COLUMNS))
        for estimator in card["estimators"].values()
    ]
    bootstrap = card["bootstrap"]
    how = (
        f"On held-out people, with {bootstrap['level']:.0%} percentile intervals of {bootstrap['replicates']:,} "
        "bootstrap samples of people:"
    )
    return [how, table(("estimator", *(label for _, label in COLUMNS)), rows), bullets(in_words(card))]


def calibration(card: Card) -> Blocks:
    """Say whether risks are chances, and what recalibration does."""
    if "estimators" not in card:
        return []
    rows = [
        (estimator["title"], method, *(_figure(values.get(key)) for key in ("calibration_slope", "ece", "brier")))
        for estimator in card["estimators"].values()
        for method, values in _recalibrated(estimator)
    ]
    name = next(iter(card["estimators"]))
    lines = [bullets(trust(card, name))]
    return [*lines, *([table(("estimator", "recalibration", "slope", "ECE", "Brier"), rows)] if rows else [])]


def usefulness(card: Card) -> Blocks:
    """Give the operating points and the range of useful thresholds."""
    blocks: Blocks = []
    everyone = card.get("decision_curve_all")
    for estimator in card.get("estimators", {}).values():
        if estimator.get("decision_curve") and everyone:
            blocks.append(plain(useful_range(estimator["title"], estimator["decision_curve"], everyone)))
        rows = [
            (point["name"], *(_share(point.get(key)) for key in ("threshold", "sensitivity", "specificity", "ppv")))
            for point in estimator.get("operating_points") or []
        ]
        if rows:
            head = ("operating point", "alarm above", "sensitivity", "specificity", "PPV")
            blocks += [f"{plain(estimator['title'])}:", table(head, rows)]
    return blocks


def fairness(card: Card) -> Blocks:
    """Give the AUROC by subgroup."""
    rows = [
        (attribute, group, people, *(value or "hidden" for value in values))
        for attribute, group, people, values in said_of_groups(card)
    ]
    if not rows:
        return []
    titles = [estimator["title"] for estimator in card["estimators"].values()][:SHOWN]
    head = ("attribute", "group", "people", *(f"AUROC, {plain(title)}" for title in titles))
    return [table(head, rows), "Hidden are groups of so few people that one might be told from them."]


def heterogeneity(card: Card) -> Blocks:
    """Say what is known by site and by time."""
    sites = [row for row in said_of_groups(card) if row[0] in ("Site", "Care unit", "Year")]
    lines = [
        f"{attribute} {group}: {', '.join(value or 'hidden' for value in values)}"
        for attribute, group, _, values in sites
    ]
    if card.get("temporal"):
        lines.append("Predictions before and after a point of time are compared in the report.")
    return [bullets(lines)] if lines else []


def explanation(card: Card) -> Blocks:
    """Say what the baseline leans on."""
    about = (card.get("estimators", {}).get(BASELINE) or {}).get("about", {})
    strongest = about.get("strongest_features") or []
    rows = [(name, f"{weight:+.3f}") for name, weight in strongest[:8]]
    note = "Largest coefficients of the baseline, per standard deviation; they are no causes:"
    return [note, table(("feature", "coefficient"), rows)] if rows else []


def audit(card: Card) -> Blocks:
    """Give the findings of the leakage audit."""
    told = card.get("audit")
    if told is None:
        return []
    despite = [plain(f"Trained despite findings, for this reason: {told['despite']}")] if told.get("despite") else []
    if not told["findings"]:
        return ["It found nothing."]
    return [bullets([finding_text(found) for found in told["findings"]]), *despite]


def limitations(card: Card) -> Blocks:
    """Say what the evaluation does not show."""
    return [bullets(missing(card) if "estimators" in card else list(LIMITS))]


def next_steps(card: Card) -> Blocks:
    """Say what has to come before any use."""
    return [
        bullets(
            [
                "Evaluate it on people of another place and of later years, with their own table one.",
                "Recalibrate it there, and look at every subgroup that it would be used for.",
                "Show in a prospective study that acting on its risks helps.",
            ]
        )
    ]


def cost(card: Card) -> Blocks:
    """Give parameters, bytes and seconds."""
    runtime = card.get("runtime") or {}
    rows = [
        ("parameters", f"{runtime['parameters']:,}") if runtime.get("parameters") is not None else None,
        ("on disk", size_of(runtime["bytes"])) if runtime.get("bytes") is not None else None,
        ("training", time_of(runtime["training_seconds"])) if runtime.get("training_seconds") is not None else None,
        ("machine", runtime["machine"]) if runtime.get("machine") else None,
    ]
    known = [row for row in rows if row]
    known += [
        (f"estimates of {estimator['title']}", f"{estimator['seconds']:.2f} s")
        for estimator in card.get("estimators", {}).values()
        if estimator["seconds"] is not None
    ]
    return [table(("what", "figure"), known)] if known else []


def identity(card: Card) -> Blocks:
    """Give hashes and versions."""
    rows = list({**(card.get("model") or {}), **(card.get("versions") or {})}.items())
    return [table(("what", "value"), [(key.replace("_", " "), value) for key, value in rows])] if rows else []


def _table_one(described: Mapping[str, Any]) -> str:
    is_pair = len(described["groups"]) == 2
    head = ("", *(plain(group["name"]) for group in described["groups"]), *(["SMD"] if is_pair else []))
    counts = [
        (title, *(HIDDEN if group[key] is None else f"{group[key]:,}" for group in described["groups"]))
        for title, key in (("predictions", "rows"), ("people", "subjects"))
    ]
    lines = []
    for line in described["lines"]:
        name = f"{line['name']}: {line['level']}" if line["level"] else line["name"]
        cells = ["; ".join(text for text in cell_text(cell) if text) for cell in line["cells"]]
        lines.append((name, *cells, *([difference(line["smd"])] if is_pair else [])))
    padded = [(*row, *([""] if is_pair else [])) for row in counts]
    return table(head, [*padded, *lines])


def _recalibrated(estimator: Mapping[str, Any]) -> list[tuple[str, Mapping[str, Any]]]:
    found = estimator.get("recalibration") or {}
    named = (("before", "none"), ("platt", "Platt"), ("isotonic", "isotonic"))
    return [(title, found[key].get("metrics", found[key])) for key, title in named if found.get(key)]


def _figure(estimate: Mapping[str, Any] | None) -> str:
    return "undefined" if estimate is None or estimate["value"] is None else with_interval(estimate)


def _share(figure: Any) -> str:
    value = value_of(figure)
    if value is None:
        return "undefined"
    if isinstance(figure, Mapping) and figure.get("low") is not None:
        return f"{value:.1%} ({figure['low']:.1%} to {figure['high']:.1%})"
    return f"{value:.1%}"


def _percent(share: float | None) -> str:
    return "" if share is None else f"{share:.2%}"
