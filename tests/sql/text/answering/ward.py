"""The made hospital as a folder of CSV files, questions on it, and a parser that knows them by heart."""

import csv
import gzip
from collections.abc import Mapping, Sequence
from pathlib import Path

from sql.text.answering.parser import Parsed
from tests.sql.text.records.hospital import ROWS, TABLES

SURE = {
    "mean_log": -0.01, "least_log": -0.02, "total_log": -0.1, "margin": 6.0, "entropy": 0.1, "agreement": 1.0,
    "least_member_log": -0.1, "answerable": 0.99, "least_answerable": 0.98, "unseen_words": 0.0,
}  # fmt: skip
"""Signals of a parser that is sure."""

QUESTIONS = {
    "How many times was [drug_1] prescribed?": "count_records prescription name drug_1",
    "When was patient [patient_1] last prescribed [drug_1]?": "list prescription time name drug_1 of patient_1 last",
    "What was the last [lab_1] of patient [patient_1]?": "list lab value name lab_1 of patient_1 last",
    "What are the top [number_1] drugs?": "top number_1 prescription name",
}


def write_ward(folder: Path) -> None:
    """Write the tables of the hospital as TABLE.csv.gz with their schema.sql into a folder."""
    folder.mkdir(parents=True, exist_ok=True)
    statements = []
    for line in TABLES.strip().splitlines():
        name, columns = line.split(": ", 1)
        statements.append(f"CREATE TABLE {name} ({columns.replace('DOUBLE', 'DOUBLE PRECISION')});")
        head = [column.split()[0] for column in columns.split(", ")]
        with gzip.open(folder / f"{name}.csv.gz", "wt", encoding="utf-8", newline="") as file:
            rows = csv.writer(file)
            rows.writerow(head)
            rows.writerows([number, *row] for number, row in enumerate(ROWS[name]))
    (folder / "schema.sql").write_text("\n".join(statements), encoding="utf-8")


class ByHeart:
    """Reads the questions that it knows, as sure as it is told, and no others."""

    def __init__(self, readings: Mapping[str, Sequence[str]], signals: Mapping[str, float] = SURE) -> None:
        self.readings, self.signals = readings, signals

    def __call__(self, texts: Sequence[str]) -> list[Parsed]:
        """Return the readings of each text, each less likely than the one before."""
        found = []
        for text in texts:
            readings = tuple(tuple(one.split()) for one in self.readings.get(text, ()))
            found.append(Parsed(readings, tuple(-0.1 - place for place in range(len(readings))), self.signals))
        return found


def known(questions: Mapping[str, str] = QUESTIONS) -> ByHeart:
    """Return a parser that knows questions with a reading each."""
    return ByHeart({text: [tokens] for text, tokens in questions.items()})
