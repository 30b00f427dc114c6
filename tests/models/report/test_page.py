"""A report is one page that needs nothing else, says what it knows, escapes what came from outside and hides few."""

import re
from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path
from typing import Any, Final

import pytest

from ehr.errors import ModelError
from models.estimators import BASELINE, BAYES, SUPERVISED
from models.evaluate import Evaluation
from models.page import anchor
from models.report import CARD_FILE, METRICS_FILE, PREDICTIONS_FILE, REPORT_FILE, report_page, write_report
from tests.models.report.made import made_evaluation

VOID: Final = frozenset({"meta", "line", "circle", "path", "use", "rect", "br", "defs"})
EVIL: Final = '<script>alert("x")</script>'


class Page(HTMLParser):
    """Reads a page strictly: every element is closed in order, and what it loads and names is kept."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.wrong: list[str] = []
        self.loaded: list[str] = []
        self.links: list[str] = []
        self.ids: list[str] = []
        self.tags: Counter[str] = Counter()
        self.headings: list[str] = []
        self.drawings: list[dict[str, str | None]] = []
        self.cells: list[tuple[str, dict[str, str | None]]] = []
        self.feed(text)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        found = dict(attrs)
        self.tags[tag] += 1
        if tag not in VOID:
            self.open.append(tag)
        if tag == "svg":
            self.drawings.append(found)
        if tag == "th":
            self.cells.append((tag, found))
        for name, value in attrs:
            if name in ("src", "href", "xlink:href") and value:
                (self.links if value.startswith("#") else self.loaded).append(value)
            if name == "id" and value:
                self.ids.append(value)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.handle_starttag(tag, attrs)
        if tag not in VOID:
            self.handle_endtag(tag)

    def handle_endtag(self, tag: str) -> None:
        if tag in VOID:
            return
        if not self.open or self.open.pop() != tag:
            self.wrong.append(tag)

    def handle_data(self, data: str) -> None:
        if self.open and self.open[-1] in ("h1", "h2"):
            self.headings.append(data)


@pytest.fixture(scope="module")
def evaluation() -> Evaluation:
    return made_evaluation()


@pytest.fixture(scope="module")
def text(evaluation: Evaluation) -> str:
    return report_page(evaluation)


def changed(evaluation: Evaluation, **parts: Any) -> str:
    """Return the page of an evaluation with other metrics."""
    return report_page(replace(evaluation, metrics={**evaluation.metrics, **parts}))


def test_the_page_is_well_formed(text: str) -> None:
    page = Page(text)
    assert page.wrong == []
    assert page.open == []
    assert page.headings[0] == "In hospital mortality"
    assert page.tags["h1"] == page.tags["main"] == page.tags["title"] == 1
    assert len(page.ids) == len(set(page.ids)), "two elements share an id"
    assert {link[1:] for link in page.links} <= set(page.ids), "a link leads nowhere"


def test_the_page_loads_nothing(text: str) -> None:
    page = Page(text)
    assert page.loaded == []
    assert page.tags["script"] == page.tags["link"] == page.tags["img"] == page.tags["iframe"] == 0
    assert "@import" not in text
    assert not re.search(r"url\((?!#)", text)
    addresses = set(re.findall(r"https?://[^\s\"'<]+", text))
    assert addresses <= {"http://www.w3.org/2000/svg"}, "an address that is no namespace"


def test_every_drawing_has_an_alternative_or_stands_beside_its_figures(text: str) -> None:
    drawings = Page(text).drawings
    shown = [one for one in drawings if one.get("aria-hidden") != "true"]
    assert len(shown) >= 12
    assert all(one.get("role") == "img" and len(one.get("aria-label") or "") > 20 for one in shown)
    auroc = re.search(r'aria-label="(ROC curves[^"]*)"', text)
    assert auroc
    assert re.search(r"Supervised transformer: AUROC 0\.\d{3}", auroc[1])


def test_every_table_says_which_cells_are_headings(text: str) -> None:
    headings = Page(text).cells
    assert headings
    assert all(found.get("scope") in ("col", "row", "rowgroup") for _, found in headings)


def test_colours_are_those_of_the_page(text: str) -> None:
    assert "#0a0" not in text, "a mark of a colour was left in a figure"
    used = set(re.findall(r"var\(--(\w+)\)", text))
    for defined in re.findall(r":root \{(.*?)\}", text, re.DOTALL):
        missing = used - set(re.findall(r"--(\w+):", defined))
        assert not {name for name in missing if not name.endswith(("paper", "ink", "line"))}


def test_the_headline_comes_before_every_figure(text: str) -> None:
    questions = ["What is foreseen", "For whom", "How good is it", "May it be trusted", "What it is not for"]
    places = [text.index(f"<dt>{question}</dt>") for question in questions]
    assert places == sorted(places)
    assert places[-1] < text.index("<h2>")
    assert "a coin would 50%" in text
    assert re.search(r"With an alarm above [\d.]+% \(sensitivity 0.8\), \d+ of 1,000 predictions raise one", text)


def test_all_parts_of_the_metrics_are_shown(text: str) -> None:
    headings = Page(text).headings
    for title in (
        "Who was looked at",
        "What they are like",
        "How well the risks rank",
        "Whether the risks can be read as chances",
        "What acting on them would mean",
        "For whom it is better or worse",
        "Earlier and later",
        "Whether it knows when it is unsure",
        "How early it foresees",
        "Against the truth",
        "What the baseline leans on",
        "Leakage audit",
        "How it was trained",
        "Codes it does not know",
        "Runtime and size",
        "What this does not show",
        "How this was made",
    ):
        assert title in headings
        assert f'href="#{anchor(title)}"' in text
    for said in ("10,000 people", "Heart failure", "1,150,000 events", "2.47%", "1.1 MB", "93 s", "DNR//ORDER"):
        assert said in text


ABSENT: Final = {
    "table_one": ("What they are like", "there is no table of their characteristics"),
    "audit": ("Leakage audit", "no leakage audit was run"),
    "subgroups": ("For whom it is better or worse", "results by sex, age or origin are not there"),
    "temporal": ("Earlier and later", "no split by time was asked for"),
    "training": ("How it was trained", ""),
    "unseen": ("Codes it does not know", ""),
    "early": ("How early it foresees", ""),
}


@pytest.mark.parametrize("key", ABSENT)
def test_what_is_not_in_the_metrics_is_not_shown_and_said_to_be_unknown(evaluation: Evaluation, key: str) -> None:
    title, said = ABSENT[key]
    for empty in (None, {}, []) if key not in ("audit", "table_one") else (None,):
        text = changed(evaluation, **{key: empty})
        assert title not in Page(text).headings
        assert said in text


def test_a_bare_evaluation_still_makes_a_page(evaluation: Evaluation) -> None:
    kept = ("format", "created_at", "counts", "compared", "bootstrap", "differences", "warnings", "remarks")
    bare = {key: evaluation.metrics[key] for key in kept}
    plain = {"operating_points": [], "decision_curve": None, "recalibration": None, "coverage": None}
    bare["estimators"] = {name: {**one, **plain} for name, one in evaluation.metrics["estimators"].items()}
    page = Page(report_page(replace(evaluation, metrics=bare)))
    assert page.wrong == page.open == []
    assert "What acting on them would mean" not in page.headings


@pytest.mark.parametrize(
    "evil",
    [
        lambda metrics: metrics | {"task": EVIL, "task_description": EVIL, "task_text": EVIL},
        lambda metrics: metrics | {"model": {"model": EVIL, "version": EVIL, EVIL: EVIL}, "versions": {EVIL: EVIL}},
        lambda metrics: metrics | {"warnings": [EVIL], "remarks": [EVIL]},
        lambda metrics: metrics | {"attrition": [{**step, "rules": [EVIL]} for step in metrics["attrition"]]},
        lambda metrics: metrics | {"table_one": renamed(metrics["table_one"])},
        lambda metrics: (
            metrics | {"subgroups": [{**one, "group": EVIL, "attribute": EVIL} for one in metrics["subgroups"]]}
        ),
        lambda metrics: metrics | {"estimators": titled(metrics["estimators"])},
        lambda metrics: metrics | {"audit": blamed(metrics["audit"])},
        lambda metrics: metrics | {"code_titles": dict.fromkeys(metrics["code_titles"], EVIL)},
        lambda metrics: metrics | {"runtime": {**metrics["runtime"], "machine": EVIL}},
        lambda metrics: metrics | {"unseen": {EVIL: metrics["unseen"]["train"]}},
    ],
)
def test_names_from_outside_are_escaped(
    evaluation: Evaluation, evil: Callable[[dict[str, Any]], dict[str, Any]]
) -> None:
    text = report_page(replace(evaluation, metrics=evil(dict(evaluation.metrics))))
    page = Page(text)
    assert page.tags["script"] == 0
    assert page.wrong == page.open == []
    assert "&lt;script&gt;" in text


def renamed(table: dict[str, Any]) -> dict[str, Any]:
    lines = [{**line, "section": EVIL, "name": EVIL, "level": EVIL} for line in table["lines"]]
    return {"groups": [{**group, "name": EVIL} for group in table["groups"]], "lines": lines}


def titled(estimators: dict[str, Any]) -> dict[str, Any]:
    points = [{"name": EVIL, "threshold": 0.5}]
    return {name: {**one, "title": EVIL, "operating_points": points} for name, one in estimators.items()}


def blamed(audit: dict[str, Any]) -> dict[str, Any]:
    finding = {**audit["findings"][0], "meaning": EVIL, "advice": EVIL, "examples": [{"code": EVIL}]}
    return {
        **audit,
        "findings": [finding],
        "checks": [{"area": EVIL, "seen": EVIL, "verdict": EVIL}],
        "despite": EVIL,
    }


def test_small_cells_are_hidden(evaluation: Evaluation, text: str) -> None:
    row = re.search(r"Malignant neoplasm of pancreas.*?</tr>", text, re.DOTALL)
    assert row
    assert "<td>hidden</td>" in row[0]
    gone = [one["group"] for one in evaluation.metrics["subgroups"] if one["hidden"]]
    assert "unheard-of" in gone
    for group in gone:
        found = re.search(rf'<tr class="level"><th scope="row">{re.escape(group)}</th>.*?</tr>', text, re.DOTALL)
        assert found
        assert re.findall(r"<td>(.*?)</td>", found[0]) == ["hidden"] * 5 + [""]
    finding = re.search(r"one code alone tells[^<]*", text)
    assert finding
    assert "fewer than 11 people" in finding[0]


def test_one_outcome_only_is_said_and_draws_no_curves(evaluation: Evaluation) -> None:
    nothing = {"value": None, "low": None, "high": None, "undefined": 1.0}
    estimators = {
        name: {**one, "metrics": {**one["metrics"], "auroc": nothing, "auprc": nothing, "calibration_slope": nothing}}
        for name, one in evaluation.metrics["estimators"].items()
    }
    compared = {**evaluation.metrics["compared"], "positives": 0}
    text = changed(evaluation, estimators=estimators, compared=compared)
    assert "it cannot be told, since all outcomes are the same" in text
    assert "there are no ROC and precision-recall curves" in text
    assert "undefined" in text


def test_warnings_stand_before_the_headline(evaluation: Evaluation) -> None:
    text = changed(evaluation, warnings=["Only 2 of 15 rows are positive."])
    assert text.index("Only 2 of 15 rows") < text.index("What is foreseen")


def test_many_estimators_have_colours_or_dashes_of_their_own() -> None:
    from models.report.drawing import looks

    names = [SUPERVISED, BASELINE, BAYES, *(f"other {number}" for number in range(6))]
    found = looks(names)
    assert list(found) == names
    assert len(set(found.values())) == len(names)
    assert found[SUPERVISED][0] == looks([BASELINE, SUPERVISED])[SUPERVISED][0]


def test_the_files_are_written_or_the_folder_is_named(evaluation: Evaluation, tmp_path: Path) -> None:
    page = write_report(tmp_path / "deep" / "report", evaluation)
    assert page.name == REPORT_FILE
    assert {file.name for file in page.parent.iterdir()} == {METRICS_FILE, PREDICTIONS_FILE, REPORT_FILE, CARD_FILE}
    (tmp_path / "file").write_text("")
    with pytest.raises(ModelError, match="cannot be written"):
        write_report(tmp_path / "file" / "report", evaluation)
