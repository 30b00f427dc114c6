"""What an audit can find: each kind of finding with its meaning and what to do, and the findings of one audit."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any, Final, Literal

Severity = Literal["fails", "warns"]
Example = Mapping[str, str | int | float]
"""Codes, numbers of subjects, shares and AUROCs; never a value or a time of a patient."""

EXAMPLES: Final = 5
"""Examples that a finding shows at most."""
TOUCHED: Final = 0.001
"""A finding that counts rows fails above this share of all rows, and warns below it."""


@dataclass(frozen=True, slots=True)
class Kind:
    """A kind of finding: what it is, and what to do about it."""

    area: str
    meaning: str
    advice: str


KINDS: Final[dict[str, Kind]] = {
    "outcome-in-inputs": Kind(
        "outcome",
        "the first event that makes the label lies at or before the prediction time",
        "begin the window of the label at the prediction time with start_inclusive: false, or drop rows with the "
        "outcome already with a 'has' that ends at the prediction time",
    ),
    "label-codes-in-inputs": Kind(
        "outcome",
        "what makes the label occurs before the prediction time too, nearly only in rows that get the label",
        "look whether the outcome is recorded more than once, and leave out rows that had it: a window from null to "
        "the prediction time with 'has: {OUTCOME: (None, 0)}'",
    ),
    "label-kin-in-inputs": Kind(
        "outcome",
        "codes of the same family as those of the label occur before the prediction time, nearly only in rows that "
        "get the label",
        "let the label count the whole family ('<< ICD10//I21'), and leave out rows that have one already",
    ),
    "billing-before-discharge": Kind(
        "billing",
        "codes that are assigned after a stay are inputs of predictions made during it",
        "date billing codes to the end of their stay when importing, as 'ehr import mimic' does",
    ),
    "procedure-codes-before-discharge": Kind(
        "billing",
        "coded procedures of a stay that goes on are inputs, and tell the label; coders assign them after discharge",
        "predict at discharge or later, or leave these codes out; procedures that were charted are known in time",
    ),
    "conditions-at-admission": Kind(
        "billing",
        "nearly all diagnoses of hospital stays carry the time of the admission, as if all had been known then",
        "date them to when they were recorded, or to the end of the stay where the source does not tell",
    ),
    "prediction-after-death": Kind(
        "death",
        "a death is among the inputs: the prediction is made at or after it",
        "leave out rows of the dead with 'has: {death: (None, 0)}' in a window that ends at the prediction time",
    ),
    "events-after-death": Kind(
        "death",
        "events after the recorded death are inputs",
        "find out whether the death or the events are dated wrongly ('ehr check' lists them)",
    ),
    "single-code-separates": Kind(
        "single codes",
        "one code alone tells who gets the label",
        "look at what the code is and when it is written; if it follows from the outcome, leave it out or date it to "
        "when it was known; if it is what the task is about, say so with --despite-audit",
    ),
    "subject-in-two-splits": Kind(
        "splits",
        "subjects stand in more than one split",
        "put every subject into one split; without --splits each belongs to one by its number",
    ),
    "subject-without-split": Kind(
        "splits",
        "subjects with rows are in no split",
        "add them to the file of splits, or leave their rows out",
    ),
    "shared-identifier": Kind(
        "splits",
        "subjects of different splits share an identifier: one person under two numbers",
        "join the records of the person before importing, or put both numbers into one split with --splits",
    ),
    "same-timeline": Kind(
        "splits",
        "subjects of different splits have the same records: one person under two numbers, or copied records",
        "join the records of the person before importing, or put both numbers into one split with --splits",
    ),
    "splits-differ": Kind(
        "splits",
        "the label is more frequent in one split than in another, beyond chance",
        "split by subject at random, or say in the report that the splits differ on purpose",
    ),
    "codes-differ-between-splits": Kind(
        "splits",
        "codes are far more frequent in the inputs of one split than of another, beyond chance",
        "find out whether the splits come from different places or years; bring codes to one system before splitting",
    ),
    "day-of-prediction": Kind(
        "dates",
        "events known to the day only count as known from its midnight on, those of the day of prediction tell the "
        "label, and may lie after it",
        "date them to the end of their day, predict at midnight, or leave these codes out",
    ),
    "prediction-time-from-outcome": Kind(
        "task",
        "the prediction time is found by looking for the outcome",
        "take a time that is known whatever comes: the trigger, or a fixed span after it",
    ),
    "prediction-time-from-the-future": Kind(
        "task",
        "the prediction time is counted back from something that had not happened yet",
        "take a time that is known whatever comes: the trigger, or a fixed span after it",
    ),
    "eligibility-looks-ahead": Kind(
        "task",
        "who is in depends on what happens after the prediction time",
        "end the window of the 'has' at the prediction time, or let the label say what comes later",
    ),
    "predicate-looks-ahead": Kind(
        "task",
        "a condition on the past rests on 'followed(...)', of which the second event may come after the prediction",
        "write preceded(second, first, SPAN), which holds when both are known",
    ),
    "last-trigger-kept": Kind(
        "task",
        "the last trigger of each patient is kept, which is the last one because of what followed, such as death",
        "keep: first, random, or all",
    ),
    "input-window-beyond-prediction": Kind(
        "task",
        "the window called input ends after the prediction time",
        "write index_timestamp: end in the window of the inputs",
    ),
    "time-to-prediction-differs": Kind(
        "cohort",
        "the time from the trigger to the prediction tells the label",
        "predict a fixed span after the trigger, the same for all",
    ),
    "history-differs": Kind(
        "cohort",
        "how much was recorded before the prediction tells the label",
        "compare how rows with and without the label were chosen: controls need a history as long as that of cases",
    ),
    "calendar-differs": Kind(
        "cohort",
        "the calendar time of the prediction tells the label",
        "take cases and controls from the same years; check that no year has outcomes only",
    ),
    "numbering-differs": Kind(
        "cohort",
        "the numbers of the subjects tell the label: cases and controls were collected apart",
        "compare where cases and controls come from, and number subjects at random",
    ),
    "rows-differ": Kind(
        "cohort",
        "how many rows a subject has tells the label",
        "keep: first or random, so that each patient has one row, or check why one class has more",
    ),
    "rows-contradict": Kind(
        "cohort",
        "the same subject and prediction time stand there with both labels",
        "keep one row for each prediction time",
    ),
    "subjects-unknown": Kind(
        "cohort",
        "rows belong to subjects without any events",
        "check that labels and events are of the same data set",
    ),
}
"""All findings; docs/audit.md has the same table."""


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that was found: how bad it is, in a sentence, in how many rows of how many subjects."""

    code: str
    severity: Severity
    message: str
    rows: int
    subjects: int
    examples: tuple[Example, ...] = ()

    @property
    def advice(self) -> str:
        """What to do about it."""
        return KINDS[self.code].advice


@dataclass(frozen=True, slots=True)
class Result:
    """What one check found; `seen` says in short what it looked at, `notes` what is no leak but good to know."""

    area: str
    seen: str
    findings: tuple[Finding, ...] = ()
    notes: tuple[str, ...] = ()

    @property
    def verdict(self) -> str:
        """The worst of its findings, or clean."""
        severities = {finding.severity for finding in self.findings}
        return "fails" if "fails" in severities else "warns" if severities else "clean"


@dataclass(frozen=True, slots=True)
class Audit:
    """What all checks found on the rows of a task, or of a label file (`task` is None)."""

    task: str | None
    rows: int
    positives: int
    subjects: int
    results: tuple[Result, ...]

    @property
    def findings(self) -> tuple[Finding, ...]:
        """All findings, those that fail first."""
        found = [finding for result in self.results for finding in result.findings]
        return tuple(sorted(found, key=lambda finding: finding.severity != "fails"))

    @property
    def failing(self) -> tuple[Finding, ...]:
        """The findings with which no model should be trained."""
        return tuple(finding for finding in self.findings if finding.severity == "fails")


def as_mapping(audit: Audit, despite: str | None = None) -> dict[str, Any]:
    """Return the audit as plain values, as `--json` prints it and models keep it in `report["audit"]`.

    `despite` is the reason for which a model was trained although a finding fails.
    """
    return {
        "task": audit.task,
        "rows": audit.rows,
        "positives": audit.positives,
        "subjects": audit.subjects,
        "fails": len(audit.failing),
        "warns": len(audit.findings) - len(audit.failing),
        "findings": [
            {
                **asdict(finding),
                "meaning": KINDS[finding.code].meaning,
                "examples": [dict(one) for one in finding.examples],
                "advice": finding.advice,
            }
            for finding in audit.findings
        ],
        "checks": [
            {"area": one.area, "verdict": one.verdict, "seen": one.seen, "notes": list(one.notes)}
            for one in audit.results
        ],
        "despite": despite if audit.failing else None,
    }


def by_share(rows: int, of: int) -> Severity:
    """Return how bad something is that touches so many of all rows."""
    return "fails" if rows > TOUCHED * of else "warns"
