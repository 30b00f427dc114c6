"""The files of a report."""

from pathlib import Path
from typing import Final

import orjson

from ehr.errors import ModelError
from models.evaluate import Evaluation
from models.report.card import write_card
from models.report.document import METRICS_FILE, PREDICTIONS_FILE, report_page

REPORT_FILE: Final = "report.html"


def write_report(folder: Path, evaluation: Evaluation) -> Path:
    """Write the four files into `folder`, made when missing, and return the path of the page.

    Raises ModelError when the folder cannot be written.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
        options = orjson.OPT_INDENT_2 | orjson.OPT_SERIALIZE_NUMPY
        (folder / METRICS_FILE).write_bytes(orjson.dumps(evaluation.metrics, option=options))
        evaluation.predictions.write_parquet(folder / PREDICTIONS_FILE)
        (folder / REPORT_FILE).write_text(report_page(evaluation), encoding="utf-8")
    except OSError as error:
        raise ModelError(f"the report cannot be written to {folder}: {error.strerror or error}") from error
    write_card(folder, evaluation.metrics)
    return folder / REPORT_FILE
