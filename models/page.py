"""The paper that reports are written on: one self-contained HTML page, readable in light, in dark and in print."""

from collections.abc import Iterable, Sequence
from html import escape
from typing import Final

SERIES: Final = ("blue", "orange", "violet", "teal", "red", "olive", "brown", "pink", "grey")
"""Names of the colours of lines and dots; each is a variable of the style, in light and in dark."""

STYLE: Final = """
:root { color-scheme: light dark;
  --paper: #fdfdfc; --card: #f3f5f5; --ink: #1d2327; --soft: #5b666f; --grid: #e3e6e7; --line: #d5dadc;
  --blue: #1f6feb; --orange: #b9540a; --violet: #8a3ffc; --teal: #0f766e; --red: #c1272d; --olive: #687400;
  --brown: #7d5a3c; --pink: #b0327f; --grey: #4d5b66;
  --warn-paper: #fff4e0; --warn-line: #d98e04; --warn-ink: #5f3d00;
  --good-paper: #e8f3ec; --good-line: #2e7d4f; --good-ink: #173f28; }
@media (prefers-color-scheme: dark) { :root {
  --paper: #15191c; --card: #1e2428; --ink: #e4e8ea; --soft: #a0abb3; --grid: #2b3338; --line: #3b464d;
  --blue: #6aa8ff; --orange: #ff9d5c; --violet: #bb92ff; --teal: #4fd1c0; --red: #ff8a80; --olive: #c3cc4d;
  --brown: #d2ab88; --pink: #f08cc4; --grey: #b4c0c9;
  --warn-paper: #33270d; --warn-line: #d98e04; --warn-ink: #ffdf9e;
  --good-paper: #172a1f; --good-line: #5fbf87; --good-ink: #bfe8cf; } }
* { box-sizing: border-box; }
html { scroll-behavior: smooth; }
body { margin: 0 auto; max-width: 66rem; padding: 2.5rem 1.5rem 4rem; background: var(--paper); color: var(--ink);
  font: 16px/1.55 system-ui, -apple-system, "Segoe UI", Roboto, "Helvetica Neue", Arial, sans-serif; }
header { border-bottom: 1px solid var(--line); margin-bottom: 1.5rem; padding-bottom: 1rem; }
h1 { font-size: 1.9rem; line-height: 1.2; margin: 0 0 .3rem; letter-spacing: -.01em; }
h2 { font-size: 1.3rem; margin: 2.8rem 0 .5rem; }
h3 { font-size: 1.02rem; margin: 1.6rem 0 .3rem; }
h1, h2, h3, p, li, dd { overflow-wrap: anywhere; }
p, ul { max-width: 46rem; }
ul { padding-left: 1.2rem; }
a { color: inherit; text-decoration-color: var(--soft); text-underline-offset: .2em; }
.lead { color: var(--soft); margin: 0; }
.note { color: var(--soft); font-size: .88rem; max-width: 50rem; }
nav { font-size: .9rem; margin: 0 0 1.2rem; }
nav ul { display: flex; flex-wrap: wrap; gap: .15rem 1.1rem; list-style: none; padding: 0; margin: 0;
  max-width: none; }
.facts { display: grid; grid-template-columns: repeat(auto-fit, minmax(9.5rem, 1fr)); gap: .8rem; margin: 1.3rem 0; }
.fact { background: var(--card); border-radius: .5rem; padding: .75rem 1rem; }
.fact b { display: block; font-size: 1.5rem; line-height: 1.25; font-variant-numeric: tabular-nums; }
.fact span { color: var(--soft); font-size: .85rem; }
.answers { margin: 1.2rem 0; display: grid; grid-template-columns: 11rem 1fr; }
.answers dt { font-weight: 600; padding: .55rem 0; border-top: 1px solid var(--line); }
.answers dd { margin: 0; padding: .55rem 0; border-top: 1px solid var(--line); }
.answers dd p { margin: 0 0 .35rem; } .answers dd p:last-child { margin: 0; }
.answers dd ul { margin: 0; }
.warning, .good { border-left: 4px solid var(--warn-line); border-radius: .3rem; background: var(--warn-paper);
  color: var(--warn-ink); padding: .7rem 1rem; margin: 1rem 0; max-width: none; }
.good { border-color: var(--good-line); background: var(--good-paper); color: var(--good-ink); }
.scroll { overflow-x: auto; }
table { border-collapse: collapse; font-size: .9rem; margin: 1.2rem 0 .8rem; font-variant-numeric: tabular-nums; }
caption { text-align: left; font-weight: 600; font-size: .95rem; padding-bottom: .3rem; }
th, td { padding: .4rem .9rem .4rem 0; text-align: right; border-bottom: 1px solid var(--line);
  vertical-align: top; }
thead th { color: var(--soft); font-weight: 600; vertical-align: bottom; line-height: 1.25; }
tbody th { font-weight: inherit; min-width: 8rem; overflow-wrap: anywhere; }
td { white-space: nowrap; }
th:first-child { text-align: left; }
td small, th small { color: var(--soft); display: block; font-size: .78rem; font-weight: 400; }
tr.group th { font-weight: 600; padding-top: .9rem; }
tr.level th:first-child { padding-left: 1.1rem; }
table.words td { text-align: left; white-space: normal; overflow-wrap: anywhere; }
figure { margin: 1.2rem 0; }
figure svg { width: 100%; height: auto; display: block; }
.panels { display: grid; grid-template-columns: repeat(auto-fit, minmax(min(100%, 19rem), 1fr)); gap: 1rem 1.4rem; }
.panels > svg { max-width: 34rem; }
.panels.wide { grid-template-columns: 1fr; } .panels.wide > svg { max-width: 42rem; }
figcaption { color: var(--soft); font-size: .88rem; max-width: 50rem; margin-top: .4rem; }
.keys { display: flex; flex-wrap: wrap; gap: .2rem 1.2rem; list-style: none; padding: 0; margin: .3rem 0 .6rem;
  font-size: .9rem; max-width: none; }
.keys svg { display: inline-block; width: 1.9rem; height: .7rem; margin-right: .45rem; vertical-align: middle; }
i.dot { display: inline-block; width: .7rem; height: .7rem; border-radius: 50%; margin-right: .5rem; }
.flow { list-style: none; padding: 0; margin: 1rem 0; max-width: 50rem; }
.flow .kept { width: 22rem; max-width: 100%; border: 1px solid var(--line); border-radius: .5rem;
  padding: .5rem .8rem; background: var(--card); }
.flow .lost { color: var(--soft); font-size: .88rem; overflow-wrap: anywhere; padding: .35rem 0 .35rem .9rem;
  border-left: 2px solid var(--line); margin-left: 3rem; }
.flow b { font-variant-numeric: tabular-nums; }
details { margin: .6rem 0; } summary { cursor: pointer; font-size: .9rem; }
pre { background: var(--card); border-radius: .5rem; padding: .8rem 1rem; overflow-x: auto; font-size: .82rem; }
code { font-size: .87em; overflow-wrap: anywhere; }
pre code { font-size: inherit; overflow-wrap: normal; }
:focus-visible { outline: 2px solid var(--blue); outline-offset: 2px; }
@media (max-width: 40rem) { body { padding: 1.2rem 1rem 3rem; } h1 { font-size: 1.5rem; }
  .answers { grid-template-columns: 1fr; } .answers dt { padding-bottom: 0; }
  .answers dd { border-top: 0; padding-top: .15rem; } .flow .lost { margin-left: 1.2rem; }
  .facts { grid-template-columns: 1fr 1fr; } th, td { padding-right: .7rem; }
  .scroll tbody th[scope=row] { position: sticky; left: 0; background: var(--paper); max-width: 9.5rem;
    min-width: 7rem; } }
@page { margin: 14mm; }
@media print { * { print-color-adjust: exact; -webkit-print-color-adjust: exact; }
  body { max-width: none; padding: 0; font-size: 12px; } nav { display: none; } .scroll { overflow: visible; }
  h2, h3 { break-after: avoid; } figure, tr, .flow li { break-inside: avoid; }
  .panels { grid-template-columns: 1fr 1fr; } .panels.wide { grid-template-columns: 1fr; } }
"""


def page(title: str, body: Sequence[str]) -> str:
    """Return a whole HTML document; `body` is HTML already, `title` is text."""
    return "\n".join(
        [
            "<!doctype html>",
            '<html lang="en">',
            "<head>",
            '<meta charset="utf-8">',
            '<meta name="viewport" content="width=device-width, initial-scale=1">',
            f"<title>{escape(title)}</title>",
            f"<style>{STYLE}</style>",
            "</head>",
            "<body>",
            *(part for part in body if part),
            "</body>",
            "</html>",
            "",
        ]
    )


def table(
    head: Sequence[str],
    rows: Sequence[Sequence[str]],
    *,
    words: bool = False,
    caption: str = "",
    kinds: Sequence[str] = (),
) -> str:
    """Return a table; head and cells are HTML, the first column names the row, the caption is text.

    `kinds` gives a class for each row: "group" for a row that heads others, "level" for one below such a row.
    """
    kind = ' class="words"' if words else ""
    named = f"<caption>{escape(caption)}</caption>" if caption else ""
    header = f"<thead><tr>{''.join(map(_column, head))}</tr></thead>" if head else ""
    classes = [f' class="{name}"' if name else "" for name in (*kinds, *[""] * (len(rows) - len(kinds)))]
    lines = "".join(
        f"<tr{name}>{_row(row, is_group='group' in name)}</tr>" for name, row in zip(classes, rows, strict=True)
    )
    region = f' tabindex="0" role="region" aria-label="{escape(caption)}"' if caption else ""
    return f'<div class="scroll"{region}><table{kind}>{named}{header}<tbody>{lines}</tbody></table></div>'


def _column(cell: str) -> str:
    return f'<th scope="col">{cell}</th>' if cell else "<td></td>"


def _row(cells: Sequence[str], *, is_group: bool) -> str:
    first, *others = cells
    if is_group and not any(others):
        return f'<th scope="rowgroup" colspan="{len(cells)}">{first}</th>'
    return f'<th scope="row">{first}</th>{"".join(f"<td>{cell}</td>" for cell in others)}'


def facts(pairs: Sequence[tuple[str, str]]) -> str:
    """Return a row of large figures, each with what it is below it; text."""
    cells = "".join(
        f'<div class="fact"><b>{escape(value)}</b><span>{escape(name)}</span></div>' for value, name in pairs
    )
    return f'<div class="facts">{cells}</div>'


def answers(pairs: Sequence[tuple[str, Sequence[str]]]) -> str:
    """Return questions with their answers, each of one or more sentences; text."""
    return f'<dl class="answers">{"".join(_answer(*pair) for pair in pairs)}</dl>'


def _answer(question: str, sentences: Sequence[str]) -> str:
    return f"<dt>{escape(question)}</dt><dd>{''.join(f'<p>{escape(one)}</p>' for one in sentences)}</dd>"


def figure(panels: Sequence[tuple[str, str]], caption: str, *, legend: str = "", wide: bool = False) -> str:
    """Return drawings side by side, each an SVG with a description for those who do not see it (text).

    The caption is text; the legend, from `keys`, is HTML.
    """
    shown = "".join(
        svg.replace("<svg", f'<svg role="img" aria-label="{escape(alternative)}"', 1) for svg, alternative in panels
    )
    kind = "panels wide" if wide else "panels"
    return f'<figure>{legend}<div class="{kind}">{shown}</div><figcaption>{escape(caption)}</figcaption></figure>'


def keys(entries: Iterable[tuple[str, str, str]]) -> str:
    """Return the legend of a figure: title (text), colour (a name of SERIES) and dashes of each line."""
    return f'<ul class="keys">{"".join(_key(*entry) for entry in entries)}</ul>'


def _key(title: str, colour: str, dashes: str) -> str:
    line = (
        f'<svg viewBox="0 0 30 10" aria-hidden="true"><line x1="1" y1="5" x2="29" y2="5" stroke="var(--{colour})" '
        f'stroke-width="3" stroke-dasharray="{dashes}"/></svg>'
    )
    return f"<li>{line}{escape(title)}</li>"


def section(title: str, *parts: str) -> str:
    """Return a section with a heading (text); the parts are HTML. Without a part it is empty."""
    inner = "".join(parts)
    return f'<section id="{anchor(title)}"><h2>{escape(title)}</h2>{inner}</section>' if inner else ""


def anchor(title: str) -> str:
    """Return the id of the section with this title.

    >>> anchor("How this was made")
    'how-this-was-made'
    """
    return "-".join("".join(letter if letter.isalnum() else " " for letter in title.lower()).split())


def contents(titles: Iterable[str]) -> str:
    """Return links to the sections with these titles (text)."""
    links = "".join(f'<li><a href="#{anchor(title)}">{escape(title)}</a></li>' for title in titles)
    return f'<nav aria-label="Contents"><ul>{links}</ul></nav>'


def heading(text: str) -> str:
    """Return a heading within a section."""
    return f"<h3>{escape(text)}</h3>"


def paragraph(text: str) -> str:
    """Return a paragraph of text."""
    return f"<p>{escape(text)}</p>"


def note(text: str) -> str:
    """Return a paragraph of small print, of text."""
    return f'<p class="note">{escape(text)}</p>'


def folded(summary: str, inner: str) -> str:
    """Return HTML that is shown on demand; the summary is text."""
    return f"<details><summary>{escape(summary)}</summary>{inner}</details>"


def bullets(lines: Sequence[str]) -> str:
    """Return a list of lines of text."""
    return f"<ul>{''.join(f'<li>{escape(line)}</li>' for line in lines)}</ul>"


def warning(text: str) -> str:
    """Return a box that cannot be overlooked."""
    return f'<p class="warning" role="note"><strong>Mind.</strong> {escape(text)}</p>'


def good(text: str) -> str:
    """Return a box for what was checked and found in order."""
    return f'<p class="good" role="note">{escape(text)}</p>'


def dotted(title: str, colour: str) -> str:
    """Return a name with a dot in a colour of SERIES."""
    return f'<i class="dot" style="background: var(--{colour})"></i>{escape(title)}'
