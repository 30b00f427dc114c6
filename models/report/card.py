"""The model card: what a model is, learnt from and can do, in Markdown under the headings of two checklists.

Everything is taken from the metrics of a run; what the run does not know says "missing", and the checklists at the
end say which items that leaves open.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final

from ehr.errors import ModelError
from models.report import card_parts as parts
from models.report.card_parts import Card, Part
from models.report.checklists import MI_CLAIM, TRIPOD

CARD_FILE: Final = "model_card.md"
MISSING: Final = "missing"
PARTS: Final[tuple[Part, ...]] = (
    Part("Summary", parts.summary, ("1", "2", "4"), ("1",)),
    Part("Intended use", parts.intended_use, ("3b",), ("1",)),
    Part("Not intended for", parts.not_intended, ("3b", "27b"), ("1",)),
    Part("Medical context and known inequalities", parts.context, ("3a", "3c"), ("1",)),
    Part("Data", parts.data, ("5a", "5b", "6a"), ("2",)),
    Part("Who is eligible", parts.eligibility, ("6b", "20a"), ("1",)),
    Part("Treatments", parts.unknown, ("6c",), ()),
    Part("Outcome", parts.outcome, ("8a",), ("1",)),
    Part("How the outcome was assessed", parts.unknown, ("8b", "8c"), ()),
    Part("Predictors and preparation of the data", parts.predictors, ("7", "9a", "9b", "12b"), ("2",)),
    Part("How predictors were assessed", parts.unknown, ("9c",), ()),
    Part("Sample size", parts.sample_size, ("10", "21"), ("1",)),
    Part("Missing data", parts.missing_data, ("11", "27a"), ("2",)),
    Part("Characteristics of the people", parts.characteristics, ("20b",), ("1",)),
    Part("Training and evaluation people", parts.partition, ("12a", "16", "20c"), ("2",)),
    Part("Model", parts.model, ("12c", "22"), ("3",)),
    Part("Training", parts.training, ("12c",), ("3",)),
    Part("Class imbalance", parts.imbalance, ("13",), ("3",)),
    Part("What it gives", parts.output, ("12g", "15"), ("4",)),
    Part("What it is compared with", parts.rivals, ("12e",), ("1", "4")),
    Part("Performance", parts.performance, ("12e", "23a"), ("4",)),
    Part("Calibration", parts.calibration, ("12e", "12f", "23a", "24"), ("4",)),
    Part("Usefulness", parts.usefulness, ("23a",), ("4",)),
    Part("Fairness by subgroup", parts.fairness, ("14", "23a"), ("4", "5")),
    Part("Sites and later years", parts.heterogeneity, ("12d", "23b"), ("5",)),
    Part("Explanation", parts.explanation, ("25",), ("5",)),
    Part("Leakage audit", parts.audit, ("26",), ("5",)),
    Part("Limitations", parts.limitations, ("25", "26"), ("5",)),
    Part("Next steps", parts.next_steps, ("27c",), ()),
    Part("Runtime and size", parts.cost, ("22",), ("6",)),
    Part("Hashes and versions", parts.identity, ("18f",), ("6",)),
    Part("Ethical approval", parts.unknown, ("17",), ()),
    Part("Funding and conflicts of interest", parts.unknown, ("18a", "18b"), ()),
    Part("Protocol and registration", parts.unknown, ("18c", "18d"), ()),
    Part("Sharing of data", parts.unknown, ("18e",), ("6",)),
    Part("Patient and public involvement", parts.unknown, ("19",), ()),
)


def model_card(metrics: Card) -> str:
    """Return the card of a model as Markdown, from the metrics of an evaluation.

    Without an evaluation `metrics` holds what is known of the model alone (`model`, `training`, ...), and the card
    says "missing" where figures would stand.
    """
    said = {part.title: part.says(metrics) for part in PARTS}
    body = [block for part in PARTS for block in _section(part, said[part.title])]
    return (
        "\n\n".join([f"# Model card: {parts.name_of(metrics)}", *_preface(metrics), *body, *_checklists(said)]) + "\n"
    )


def write_card(folder: Path, metrics: Card) -> Path:
    """Write the card into `folder` and return its path; raises ModelError when it cannot be written."""
    path = folder / CARD_FILE
    try:
        folder.mkdir(parents=True, exist_ok=True)
        path.write_text(model_card(metrics), encoding="utf-8")
    except OSError as error:
        raise ModelError(f"the model card cannot be written to {path}: {error.strerror or error}") from error
    return path


def _preface(metrics: Card) -> list[str]:
    made = metrics.get("created_at")
    when = f"Made from the run of {str(made)[:10]}" if made else "Made from the model alone, without an evaluation"
    lines = [f'{when}. Where a heading says "{MISSING}", the run does not know it and a person has to fill it in.']
    return lines + [f"> **Mind.** {parts.plain(text)}" for text in metrics.get("warnings", [])]


def _section(part: Part, said: Sequence[str]) -> list[str]:
    return [f"## {part.title}", f"*{_items(part)}*", *(said or [MISSING])]


def _items(part: Part) -> str:
    named = f"TRIPOD+AI {', '.join(part.tripod)}" if part.tripod else ""
    claimed = f"MI-CLAIM-GEN part {', '.join(part.claim)}" if part.claim else ""
    return "; ".join(text for text in (named, claimed) if text)


def _checklists(said: Mapping[str, Sequence[str]]) -> list[str]:
    """Return a table for each checklist: where each item is told, or that it is missing."""
    tripod = [(item, name, _told(said, lambda part, item=item: item in part.tripod)) for item, name in TRIPOD.items()]
    claim = [(item, name, _told(said, lambda part, item=item: item in part.claim)) for item, name in MI_CLAIM.items()]
    return [
        "## Checklists",
        "Items by number, named in words of our own; the wording that counts is that of the papers.",
        "TRIPOD+AI (Collins et al., BMJ 2024;385:e078378):",
        parts.table(("item", "about", "told under"), tripod),
        "MI-CLAIM-GEN (Miao et al., arXiv:2403.02558), by the parts of MI-CLAIM (Norgeot et al., Nat Med 2020):",
        parts.table(("part", "about", "told under"), claim),
    ]


def _told(said: Mapping[str, Sequence[str]], belongs: Any) -> str:
    titles = [part.title for part in PARTS if belongs(part) and said[part.title]]
    return ", ".join(titles) or MISSING
