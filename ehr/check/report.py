"""Running the checks: what was found, out of how many, in which files, and how bad that is."""

from collections import Counter
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from typing import Any, Final

import duckdb

from ehr.check.checks import CHECKS
from ehr.check.definition import Check
from ehr.check.prepare import prepare
from ehr.store import Store

EXAMPLES: Final = 5
KINDS: Final = 5
SEVERITIES: Final = ("fail", "warn", "ok", "nothing to check")
"""The worst first."""

NO_FILE: Final = "the whole store"


@dataclass(frozen=True, slots=True)
class Example:
    """One thing that was found: its number or name, and its code or kind."""

    id: int | str
    about: str | None


@dataclass(frozen=True, slots=True)
class FileFinding:
    """What a check found in one file; `of` is out of how many there."""

    file: str
    found: int
    of: int
    share: float


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a check found; `share` is found by of, 0 where there was nothing to check.

    `kinds` says of which codes or kinds most of it is, the most frequent first.
    """

    check: Check
    severity: str
    found: int
    of: int
    share: float
    files: tuple[FileFinding, ...]
    kinds: dict[str, int]
    examples: tuple[Example, ...]


@dataclass(frozen=True, slots=True)
class FileQuality:
    """One file in the ledger, with how much each check found in it; checks that found nothing are left out."""

    file: str
    format: str
    status: str
    rows_in: int
    rows_rejected: int
    found: dict[str, int]


@dataclass(frozen=True, slots=True)
class Report:
    """The outcome of all checks of a store, with what it holds; `files` are those of the ledger in its order."""

    made_at: datetime
    subjects: int
    events: int
    encounters: int
    outcomes: tuple[Outcome, ...]
    files: tuple[FileQuality, ...]

    def count(self, severity: str) -> int:
        """Return how many checks came out so."""
        return sum(outcome.severity == severity for outcome in self.outcomes)


def check_store(store: Store) -> Report:
    """Run all checks on `store`, which may be open for reading only."""
    con = prepare(store)
    names = dict(con.execute("SELECT source_id, file FROM source").fetchall())
    bases: dict[str, dict[int | None, int]] = {}
    outcomes = []
    for check in CHECKS:
        if check.base not in bases:
            bases[check.base] = dict(con.execute(check.base).fetchall())
        outcomes.append(_outcome(con, check, bases[check.base], names))
    subjects, events, encounters = con.execute(
        """
        SELECT (SELECT count(*) FROM subject), (SELECT coalesce(sum(n_events), 0)::BIGINT FROM code),
               (SELECT count(*) FROM encounter)
        """
    ).fetchall()[0]
    now = datetime.now(UTC).replace(microsecond=0)
    return Report(now, subjects, events, encounters, tuple(outcomes), _files(con, outcomes))


def _files(con: duckdb.DuckDBPyConnection, outcomes: list[Outcome]) -> tuple[FileQuality, ...]:
    """Return the files of the ledger, those imported several times once, with what the checks found in them."""
    found: dict[str, dict[str, int]] = {}
    for outcome in outcomes:
        for one in outcome.files:
            counts = found.setdefault(one.file, {})
            counts[outcome.check.name] = counts.get(outcome.check.name, 0) + one.found
    rows = con.execute(
        """
        SELECT file, arg_max(format, source_id), arg_max(status, source_id), sum(rows_in)::BIGINT,
               sum(rows_rejected)::BIGINT
        FROM source GROUP BY file ORDER BY min(source_id)
        """
    ).fetchall()
    return tuple(
        FileQuality(file, format_name, status, rows_in, rejected, found.get(file, {}))
        for file, format_name, status, rows_in, rejected in rows
    )


def _outcome(
    con: duckdb.DuckDBPyConnection, check: Check, base: dict[int | None, int], names: dict[int, str]
) -> Outcome:
    rows = con.execute(
        f"""
        SELECT source_id, about, sum(n)::BIGINT, min(id, {EXAMPLES})
        FROM ({check.findings}) GROUP BY source_id, about
        """
    ).fetchall()
    by_source: Counter[int | None] = Counter()
    kinds: Counter[str] = Counter()
    for source_id, about, n, _ in rows:
        by_source[source_id] += n
        if about is not None:
            kinds[about] += n
    found, of = by_source.total(), sum(base.values())
    share = _share(found, of)
    examples = sorted(
        (Example(one, about) for _, about, _, ids in rows for one in ids),
        key=lambda example: (isinstance(example.id, str), example.id),
    )
    return Outcome(
        check=check,
        severity=_severity(check, found, of, share),
        found=found,
        of=of,
        share=share,
        files=_by_file(by_source, base, names),
        kinds=dict(sorted(kinds.items(), key=lambda kind: (-kind[1], kind[0]))[:KINDS]),
        examples=tuple(examples[:EXAMPLES]),
    )


def _by_file(
    by_source: dict[int | None, int], base: dict[int | None, int], names: dict[int, str]
) -> tuple[FileFinding, ...]:
    """Return what was found in each file, the most first."""
    files = []
    for source_id, found in by_source.items():
        name = NO_FILE if source_id is None else names[source_id]
        of = base.get(source_id, 0)
        files.append(FileFinding(name, found, of, _share(found, of)))
    return tuple(sorted(files, key=lambda one: (-one.found, one.file)))


def _share(found: int, of: int) -> float:
    return found / of if of else float(found > 0)


def _severity(check: Check, found: int, of: int, share: float) -> str:
    if not found:
        return "ok" if of else "nothing to check"
    return "fail" if share > check.fail else "warn" if share > check.warn else "ok"


def as_json(report: Report) -> dict[str, Any]:
    """Return the report as plain values, for JSON."""
    return {
        "made_at": report.made_at.isoformat(),
        "subjects": report.subjects,
        "events": report.events,
        "encounters": report.encounters,
        "failed": report.count("fail"),
        "warned": report.count("warn"),
        "checks": [_outcome_json(outcome) for outcome in report.outcomes],
        "files": [asdict(file) for file in report.files],
    }


def _outcome_json(outcome: Outcome) -> dict[str, Any]:
    check = outcome.check
    return {
        "check": check.name,
        "area": check.area,
        "title": check.title,
        "meaning": check.meaning,
        "severity": outcome.severity,
        "found": outcome.found,
        "of": outcome.of,
        "share": outcome.share,
        "warns_above": check.warn,
        "fails_above": check.fail,
        "files": [{"file": f.file, "found": f.found, "of": f.of, "share": f.share} for f in outcome.files],
        "kinds": outcome.kinds,
        "examples": [{check.noun: example.id, "about": example.about} for example in outcome.examples],
    }
