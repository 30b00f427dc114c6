"""The report of an evaluation: metrics.json for programs, predictions.parquet to check, report.html and a model card.

metrics ── words ──► sentences ──┐
        ── figures ─► drawings ──┼─► sections (people, results, groups, making) ── document ──► report.html
        ── card_parts ───────────────────────────────────────────────────────────── card ─────► model_card.md
"""

from models.report.card import CARD_FILE, model_card, write_card
from models.report.document import METRICS_FILE, PREDICTIONS_FILE, report_page
from models.report.files import REPORT_FILE, write_report
from models.report.words import headline, in_words

__all__ = [
    "CARD_FILE",
    "METRICS_FILE",
    "PREDICTIONS_FILE",
    "REPORT_FILE",
    "headline",
    "in_words",
    "model_card",
    "report_page",
    "write_card",
    "write_report",
]
