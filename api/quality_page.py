"""The page of `ehr check`: what was checked, what was found, and where to look, on one sheet."""

from collections import Counter
from html import escape
from typing import Final

from ehr.check import AREAS, SEVERITIES, SOURCES, Outcome, Report, limited_quantities
from models.page import facts, page, paragraph, section, table

SHOWN_FILES: Final = 8
SHOWN_IN_ALL: Final = 25
BY_FILE: Final = ("patients", "times", "stays", "values", "imports")
"""Areas of findings that belong to a file."""

AREA_TITLES: Final = {
    "patients": "Patients",
    "times": "Times",
    "stays": "Stays",
    "values": "Values",
    "codes": "Codes",
    "imports": "Imports",
}
LOOK: Final = {
    "event": "SELECT * FROM event WHERE event_id = {}",
    "stay": "SELECT * FROM encounter WHERE encounter_id = {}",
    "patient": "SELECT * FROM subject WHERE subject_id = {}",
}
"""How to look at one example, by the noun of the check."""

STYLE: Final = """
:root { --fail: #b3261e; --fail-paper: #fbe9e7; --pass: #2e7d32; --pass-paper: #e8f3e9; --none-paper: #eceff1; }
@media (prefers-color-scheme: dark) { :root { --fail: #ff8a80; --fail-paper: #3d1d1a; --pass: #8fd694;
  --pass-paper: #1c3020; --none-paper: #2b3338; } }
.badge { display: inline-block; min-width: 3.6rem; padding: .05rem .5rem; border-radius: 1rem; text-align: center;
  font-size: .78rem; font-weight: 600; margin-right: .7rem; }
.badge.fail { background: var(--fail-paper); color: var(--fail); }
.badge.warn { background: var(--warn-paper); color: var(--warn-ink); }
.badge.ok { background: var(--pass-paper); color: var(--pass); }
.badge.none { background: var(--none-paper); color: var(--soft); }
.checks h2 { margin: 1.8rem 0 0; font-size: 1.1rem; }
.checks table { width: 100%; margin: .3rem 0; }
.checks thead th:nth-child(n+2) { width: 7.5rem; }
.checks a { color: inherit; text-decoration-color: var(--line); text-underline-offset: .2em; }
article { border-left: 3px solid var(--line); padding: .1rem 0 .1rem 1.1rem; margin: 1.4rem 0; break-inside: avoid; }
article.fail { border-color: var(--fail); }
article.warn { border-color: var(--warn-line); }
article h3 { font-size: 1.05rem; margin: 0 0 .3rem; }
article p { margin: .3rem 0; }
.count { font-variant-numeric: tabular-nums; }
.examples { color: var(--soft); font-size: .87rem; }
.examples code { color: var(--ink); overflow-wrap: anywhere; }
details > summary { cursor: pointer; color: var(--soft); }
tbody th { min-width: 9rem; }
h2, h3 { break-after: avoid; }
@page { margin: 14mm; }
@media print { * { print-color-adjust: exact; -webkit-print-color-adjust: exact; } a { text-decoration: none; }
  body { font-size: 12px; } .checks thead th:nth-child(n+2) { width: 5rem; }
  .checks td { padding: .15rem .5rem .15rem 0; }
  .checks tbody th { white-space: nowrap; } .checks h2 { margin-top: 1rem; }
  .scroll { overflow: visible; } .facts { grid-template-columns: repeat(6, 1fr); } }
"""


def quality_page(report: Report, store: str) -> str:
    """Return the report as one HTML document that needs no other file; `store` names what was checked."""
    found = [outcome for outcome in report.outcomes if outcome.severity in {"fail", "warn"}]
    found.sort(key=lambda outcome: SEVERITIES.index(outcome.severity))
    body = [
        f"<style>{STYLE}</style>",
        _header(report, store),
        _facts(report),
        *(_area(area, report) for area in AREAS),
        _by_file(report),
        section("What was found", *(map(_article, found) if found else [paragraph("Nothing.")])),
        _limits(),
    ]
    return page(f"Data quality of {store}", body)


def share_text(share: float) -> str:
    """Write a share for people; one that is not zero never looks like it.

    >>> share_text(0), share_text(0.00004), share_text(0.0123), share_text(1)
    ('0', '< 0.01 %', '1.23 %', '100 %')
    """
    if share == 0:
        return "0"
    if share < 0.0001:
        return "< 0.01 %"
    return f"{share * 100:.3g} %"


def in_short(report: Report) -> str:
    """Say in one sentence how the checks came out."""
    fail, warn, ok, nothing = (report.count(severity) for severity in SEVERITIES)
    failing = f"{fail} check fails" if fail == 1 else f"{fail} checks fail"
    text = f"{failing}, {warn} {'warns' if warn == 1 else 'warn'}, {ok} found nothing"
    return text + (f", {nothing} had nothing to check" if nothing else "")


def _header(report: Report, store: str) -> str:
    return (
        f"<header><h1>Data quality</h1><p class='lead'>{escape(store)}, {report.made_at:%d %B %Y, %H:%M} UTC. "
        f"{escape(in_short(report))}.</p></header>"
    )


def _facts(report: Report) -> str:
    return facts(
        [
            (str(report.count("fail")), "checks fail"),
            (str(report.count("warn")), "checks warn"),
            (f"{report.subjects:,}", "patients"),
            (f"{report.events:,}", "events"),
            (f"{report.encounters:,}", "stays"),
            (f"{len(report.files):,}", "files"),
        ]
    )


def _area(area: str, report: Report) -> str:
    rows = [
        [_named(outcome), f"{outcome.found:,}", f"{outcome.of:,}", share_text(outcome.share)]
        for outcome in report.outcomes
        if outcome.check.area == area
    ]
    shown = table(["check", "found", "of", "share"], rows)
    return f"<div class='checks'>{section(AREA_TITLES[area], shown)}</div>"


def _named(outcome: Outcome) -> str:
    title = escape(outcome.check.title)
    if outcome.severity in {"fail", "warn"}:
        title = f'<a href="#{outcome.check.name}">{title}</a>'
    return _badge(outcome.severity) + title


def _badge(severity: str) -> str:
    kind = severity if severity in {"fail", "warn", "ok"} else "none"
    return f'<span class="badge {kind}">{kind}</span>'


def _by_file(report: Report) -> str:
    """Return a table of the files in which something was found, by area."""
    area_of = {outcome.check.name: outcome.check.area for outcome in report.outcomes}
    files = sorted((file for file in report.files if file.found), key=lambda file: -sum(file.found.values()))
    counts = [Counter[str]() for _ in files]
    for file, count in zip(files, counts, strict=True):
        for check, n in file.found.items():
            count[area_of[check]] += n
    areas = [area for area in BY_FILE if any(count[area] for count in counts)]
    if not areas:
        return ""
    rows = [
        [escape(file.file), escape(file.format), f"{file.rows_in:,}", *(f"{count[area]:,}" for area in areas)]
        for file, count in zip(files[:SHOWN_IN_ALL], counts, strict=False)
    ]
    left = len(files) - len(rows)
    more = paragraph(f"and {left} more files with findings; quality.json has all") if left > 0 else ""
    head = ["file", "format", "records read", *(AREA_TITLES[area].lower() for area in areas)]
    return section("Findings by file", table(head, rows), more)


def _article(outcome: Outcome) -> str:
    check = outcome.check
    out_of = f"{outcome.found:,} of {outcome.of:,} ({share_text(outcome.share)})"
    bounds = f"warns above {share_text(check.warn)}, fails above {share_text(check.fail)}"
    return (
        f'<article class="{outcome.severity}" id="{check.name}">'
        f"<h3>{_badge(outcome.severity)}{escape(check.title)}</h3>"
        f"<p>{escape(check.meaning)}</p>"
        f'<p class="count"><strong>{out_of}</strong>; {bounds}.</p>'
        f"{_files(outcome)}{_examples(outcome)}</article>"
    )


def _files(outcome: Outcome) -> str:
    rows = [
        [escape(one.file), f"{one.found:,}", f"{one.of:,}", share_text(one.share)]
        for one in outcome.files[:SHOWN_FILES]
    ]
    left = len(outcome.files) - len(rows)
    more = f"<p class='examples'>and {left} more files</p>" if left > 0 else ""
    return table(["file", "found", "of", "share"], rows) + more


def _examples(outcome: Outcome) -> str:
    noun = outcome.check.noun
    ids = ", ".join(f"<code>{escape(str(example.id))}</code>" for example in outcome.examples)
    text = f"For example {noun} {ids}."
    if noun in LOOK:
        text += f" Look: <code>{escape(LOOK[noun].format(outcome.examples[0].id))}</code>"
    return f"{_kinds(outcome)}<p class='examples'>{text}</p>"


def _kinds(outcome: Outcome) -> str:
    if not outcome.kinds:
        return ""
    shown = ", ".join(f"<code>{escape(kind)}</code> {n:,}" for kind, n in outcome.kinds.items())
    return (
        f"<p class='examples'>{'Mostly' if sum(outcome.kinds.values()) < outcome.found else 'These are'} {shown}.</p>"
    )


def _limits() -> str:
    rows = [
        [escape(name), f"{low:g}", f"{high:g}", escape(unit), escape(SOURCES[source])]
        for name, unit, low, high, source in limited_quantities()
    ]
    return section(
        "Limits of values",
        paragraph(
            "Beyond these a value is taken for an error: they find slips and wrong units, not illness. Values are "
            "compared in the unit named, whatever unit they came in."
        ),
        f"<details><summary>{len(rows)} quantities</summary>"
        f"{table(['quantity', 'lowest', 'highest', 'unit', 'from'], rows)}</details>",
    )
