"""The paper that reports are written on: one self-contained HTML page, readable in light, in dark and in print."""

from collections.abc import Sequence
from html import escape
from typing import Final

STYLE: Final = """
:root { color-scheme: light dark;
  --paper: #fdfdfc; --card: #f4f5f4; --ink: #1d2327; --soft: #66717a; --grid: #e3e6e7; --line: #d5dadc;
  --supervised: #1f6feb; --generated: #8a3ffc; --baseline: #c2570c; --bayes: #4d5b66; --other: #0f766e;
  --warn-paper: #fff4e0; --warn-line: #d98e04; --warn-ink: #5f3d00; }
@media (prefers-color-scheme: dark) { :root {
  --paper: #15191c; --card: #1e2428; --ink: #e4e8ea; --soft: #98a4ad; --grid: #2b3338; --line: #38424a;
  --supervised: #6aa8ff; --generated: #bb92ff; --baseline: #ff9d5c; --bayes: #b4c0c9; --other: #4fd1c0;
  --warn-paper: #33270d; --warn-line: #d98e04; --warn-ink: #ffdf9e; } }
* { box-sizing: border-box; }
body { margin: 0 auto; max-width: 65rem; padding: 2.5rem 1.5rem 4rem; background: var(--paper); color: var(--ink);
  font: 16px/1.55 system-ui, -apple-system, "Segoe UI", Roboto, "Helvetica Neue", Arial, sans-serif; }
header { border-bottom: 1px solid var(--line); margin-bottom: 1.5rem; padding-bottom: 1rem; }
h1 { font-size: 1.9rem; line-height: 1.2; margin: 0 0 .3rem; letter-spacing: -.01em; }
h2 { font-size: 1.25rem; margin: 2.6rem 0 .5rem; }
p, ul { max-width: 46rem; }
.lead { color: var(--soft); margin: 0; }
.facts { display: grid; grid-template-columns: repeat(auto-fit, minmax(9.5rem, 1fr)); gap: .8rem; margin: 1.3rem 0; }
.fact { background: var(--card); border-radius: .5rem; padding: .75rem 1rem; }
.fact b { display: block; font-size: 1.5rem; line-height: 1.25; font-variant-numeric: tabular-nums; }
.fact span { color: var(--soft); font-size: .85rem; }
.warning { background: var(--warn-paper); border-left: 4px solid var(--warn-line); border-radius: .3rem;
  color: var(--warn-ink); padding: .7rem 1rem; margin: 1rem 0; max-width: none; }
.scroll { overflow-x: auto; }
table { border-collapse: collapse; font-size: .9rem; margin: .8rem 0; font-variant-numeric: tabular-nums; }
th, td { padding: .4rem .75rem .4rem 0; text-align: right; border-bottom: 1px solid var(--line); }
th { color: var(--soft); font-weight: 600; vertical-align: bottom; line-height: 1.25; }
td { white-space: nowrap; }
th:first-child, td:first-child { text-align: left; }
td small { color: var(--soft); display: block; font-size: .76rem; }
table.words td { text-align: left; white-space: normal; overflow-wrap: anywhere; }
figure { margin: 1.2rem 0; }
figure svg { width: 100%; height: auto; display: block; }
figcaption { color: var(--soft); font-size: .87rem; max-width: 50rem; margin-top: .4rem; }
i.dot { display: inline-block; width: .7rem; height: .7rem; border-radius: 50%; margin-right: .5rem; }
code { font-size: .87em; }
@media print { body { max-width: none; padding: 0; } h2, figure, table { break-inside: avoid; } }
"""


def page(title: str, body: Sequence[str]) -> str:
    """Return a whole HTML document; `body` is HTML already, `title` is text."""
    return "\n".join(
        [
            "<!doctype html>",
            '<html lang="en">',
            '<meta charset="utf-8">',
            '<meta name="viewport" content="width=device-width, initial-scale=1">',
            f"<title>{escape(title)}</title>",
            f"<style>{STYLE}</style>",
            *body,
            "</html>",
            "",
        ]
    )


def table(head: Sequence[str], rows: Sequence[Sequence[str]], *, words: bool = False) -> str:
    """Return a table; head and cells are HTML, the first column names the row."""
    kind = ' class="words"' if words else ""
    header = f"<thead><tr>{''.join(f'<th>{cell}</th>' for cell in head)}</tr></thead>" if head else ""
    lines = "".join(f"<tr>{''.join(f'<td>{cell}</td>' for cell in row)}</tr>" for row in rows)
    return f'<div class="scroll"><table{kind}>{header}<tbody>{lines}</tbody></table></div>'


def facts(pairs: Sequence[tuple[str, str]]) -> str:
    """Return a row of large figures, each with what it is below it; text."""
    cells = "".join(
        f'<div class="fact"><b>{escape(value)}</b><span>{escape(name)}</span></div>' for value, name in pairs
    )
    return f'<div class="facts">{cells}</div>'


def figure(svg: str, caption: str, alternative: str) -> str:
    """Return a figure with its caption (HTML) and a description for those who do not see it (text)."""
    shown = svg.replace("<svg", f'<svg role="img" aria-label="{escape(alternative)}"', 1)
    return f"<figure>{shown}<figcaption>{caption}</figcaption></figure>"


def section(title: str, *parts: str) -> str:
    """Return a section with a heading (text); the parts are HTML."""
    return f"<section><h2>{escape(title)}</h2>{''.join(parts)}</section>"


def paragraph(text: str) -> str:
    """Return a paragraph of text."""
    return f"<p>{escape(text)}</p>"


def bullets(lines: Sequence[str]) -> str:
    """Return a list of lines of text."""
    return f"<ul>{''.join(f'<li>{escape(line)}</li>' for line in lines)}</ul>"


def warning(text: str) -> str:
    """Return a box that cannot be overlooked."""
    return f'<p class="warning" role="note"><strong>Mind.</strong> {escape(text)}</p>'


def dotted(title: str, variable: str) -> str:
    """Return a name with a dot in its colour; `variable` is that of the page's style."""
    return f'<i class="dot" style="background: var(--{variable})"></i>{escape(title)}'
