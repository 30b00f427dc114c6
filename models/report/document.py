"""The page of a report: what it says first, then the sections for which the evaluation has something to show."""

from collections.abc import Mapping
from html import escape
from typing import Any, Final

from models.evaluate import FEW_POSITIVES, Evaluation
from models.page import answers, bullets, contents, facts, page, section, warning
from models.report import explained, groups, making, people, results
from models.report.card import CARD_FILE
from models.report.words import headline, missing, task_title

METRICS_FILE: Final = "metrics.json"
PREDICTIONS_FILE: Final = "predictions.parquet"


def report_page(evaluation: Evaluation) -> str:
    """Return the page as HTML; it loads nothing from anywhere."""
    metrics, compared = evaluation.metrics, evaluation.compared
    sections = {
        "Who was looked at": people.people(metrics),
        "What they are like": people.characteristics(metrics),
        "How well the risks rank": results.discrimination(metrics, compared),
        "Whether the risks can be read as chances": results.calibrated(metrics, compared),
        "What acting on them would mean": results.usefulness(metrics),
        "For whom it is better or worse": groups.subgroups(metrics),
        "Earlier and later": groups.temporal(metrics),
        "Whether it knows when it is unsure": groups.surest(metrics),
        "How early it foresees": groups.early(metrics),
        "Against the truth": results.truth(metrics, compared),
        explained.TITLE: explained.explained(metrics),
        "What the baseline leans on": making.leaning(metrics),
        "Leakage audit": making.audit(metrics),
        "How it was trained": making.training(metrics),
        "Codes it does not know": making.unread(metrics),
        "Runtime and size": making.cost(metrics),
        "What this does not show": section("What this does not show", bullets(missing(metrics))),
        "How this was made": making.provenance(metrics, _files()),
    }
    shown = {title: text for title, text in sections.items() if text}
    return page(
        _title(metrics),
        [
            "<main>",
            _header(metrics),
            *(warning(text) for text in metrics["warnings"]),
            answers(headline(metrics)),
            _tiles(metrics),
            contents(shown),
            *shown.values(),
            "</main>",
        ],
    )


def _title(metrics: Mapping[str, Any]) -> str:
    model = metrics.get("model", {})
    return f"{metrics.get('task', 'A task')}: model {model['model']}" if model else str(metrics.get("task", "A task"))


def _header(metrics: Mapping[str, Any]) -> str:
    model = metrics.get("model", {})
    known = f"model <b>{escape(str(model['model']))}</b>, version {escape(str(model['version']))}, " if model else ""
    day, time = metrics["created_at"][:10], metrics["created_at"][11:16]
    return (
        f"<header><h1>{escape(task_title(metrics))}</h1>"
        f'<p class="lead">{known}evaluated on people it had never seen, {escape(day)} {escape(time)} UTC</p></header>'
    )


def _tiles(metrics: Mapping[str, Any]) -> str:
    compared, training = metrics["compared"], metrics["counts"]["train"]
    share = compared["positives"] / compared["rows"]
    return facts(
        [
            (f"{compared['subjects']:,}", "held-out people"),
            (f"{compared['rows']:,}", "predictions compared"),
            (f"{compared['positives']:,}", f"with the event ({share:.1%})"),
            (f"{training['rows']:,}", "training predictions"),
            (f"{training['positives']:,}", "of them with the event"),
        ]
    )


def _files() -> str:
    return (
        f"The figures of this page are in {METRICS_FILE}; {CARD_FILE} tells the same under the headings of "
        f"MI-CLAIM-GEN and TRIPOD+AI. Every single prediction is in {PREDICTIONS_FILE}: that file is about people "
        f"one by one and stays with the records. A warning stands at the top where fewer than {FEW_POSITIVES} "
        "predictions have one of the outcomes."
    )
