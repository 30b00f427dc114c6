"""A tiny made hospital with names that are hard to find: ordinary words, single letters, marks, two kinds."""

import duckdb
import pytest

from sql.text.linking import IdColumn, LinkIndex, NameColumn, Uses, build_index

DIAGNOSES = (
    ("d1", "unspecified essential hypertension"),
    ("d2", "chronic kidney disease, stage 3 (moderate)"),
    ("d3", "congestive heart failure, unspecified"),
    ("d4", "sepsis"),
    ("d5", "alzheimer's disease"),
    ("d6", "neoplasm of unspecified nature of brain"),
    ("x1", "heart failure"),
    ("x2", "cholera due to vibrio cholerae"),
)
LABS = (
    (1, "sodium"), (2, "lymphs"), (3, "lymphs#"), (4, "% hemoglobin a1c"), (5, "h"), (6, "other"), (7, "albumin"),
    (8, "lactate dehydrogenase (ld)"), (9, "calcium, total"), (10, "macrophages"), (11, "macrophage"),
)  # fmt: skip
ITEMS = (
    (20, "heart rate", "hr", "chart"), (21, "daily weight", "daily weight", "chart"), (22, "stool", "stool", "out"),
    (23, "chest tube #1", "chest tube #1", "out"), (24, "chest tube #2", "chest tube #2", "out"),
)  # fmt: skip
DRUGS = ("albumin", "heparin flush (10 units/ml)", "0.9% sodium chloride", "bag", "soln", "insulin", "acetaminophen")
PATIENTS = (10000032, 10018081, 7)
COLUMNS = (
    NameColumn("diagnosis", "d_diagnosis", "title", uses=Uses("diagnosis", "code", "code"), cues=("diagnosed",)),
    NameColumn("lab", "d_lab", "label", uses=Uses("lab", "item", "item"), cues=("lab", "test", "value")),
    NameColumn(
        "vital",
        "d_item",
        "label",
        where={"links": "chart"},
        uses=Uses("chart", "item", "item"),
        alias="short",
        synonyms={"daily weight": ("weight", "weigh")},
    ),
    NameColumn("output", "d_item", "label", where={"links": "out"}, uses=Uses("out", "item", "item")),
    NameColumn("drug", "prescription", "drug", cues=("drug", "prescribed", "prescription")),
    NameColumn("route", "prescription", "route", cues=("route", "via")),
    NameColumn("specimen", "culture", "specimen", cues=("specimen",)),
    NameColumn("sex", "patient", "sex", synonyms={"m": ("male", "men"), "f": ("female", "women")}),
)
IDS = (IdColumn("patient", "patient", "subject_id", ("patient", "subject")),)


def make_hospital() -> duckdb.DuckDBPyConnection:
    """Return the database; diagnoses whose code begins with x have no records."""
    connection = duckdb.connect()
    connection.execute("CREATE TABLE d_diagnosis (code VARCHAR, title VARCHAR)")
    connection.execute("CREATE TABLE d_lab (item INT, label VARCHAR)")
    connection.execute("CREATE TABLE d_item (item INT, label VARCHAR, short VARCHAR, links VARCHAR)")
    connection.execute("CREATE TABLE prescription (drug VARCHAR, route VARCHAR)")
    connection.execute("CREATE TABLE culture AS SELECT unnest(['stool', 'blood culture']) AS specimen")
    connection.execute("CREATE TABLE patient (subject_id INT, sex VARCHAR)")
    connection.executemany("INSERT INTO d_diagnosis VALUES (?, ?)", DIAGNOSES)
    connection.executemany("INSERT INTO d_lab VALUES (?, ?)", LABS)
    connection.executemany("INSERT INTO d_item VALUES (?, ?, ?, ?)", ITEMS)
    connection.executemany("INSERT INTO prescription VALUES (?, ?)", [(drug, "id") for drug in DRUGS])
    connection.executemany("INSERT INTO prescription VALUES (?, ?)", [("insulin", "po/ng"), ("insulin", None)])
    connection.executemany("INSERT INTO patient VALUES (?, ?)", [(one, "mf"[one % 2]) for one in PATIENTS])
    connection.execute("CREATE TABLE diagnosis AS SELECT code FROM d_diagnosis WHERE code LIKE 'd%'")
    connection.execute("CREATE TABLE lab AS SELECT item FROM d_lab")
    connection.execute("CREATE TABLE chart AS SELECT item FROM d_item WHERE links = 'chart'")
    connection.execute("CREATE TABLE out AS SELECT item FROM d_item WHERE links = 'out'")
    return connection


@pytest.fixture(scope="session")
def index() -> LinkIndex:
    """Return the index of the made hospital."""
    return build_index(make_hospital(), COLUMNS, IDS)
