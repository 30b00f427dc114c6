import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import mannwhitneyu
from sklearn.metrics import roc_auc_score

from models.leakage.certainty import auroc, critical, enriched, lower_bound, shares_differ
from models.leakage.findings import KINDS
from models.leakage.separation import _AREAS, _KNOWN, MIN_ROWS
from tests.conftest import REPOSITORY
from tests.models.leakage.made import DAY, ward

COLUMNS = st.lists(st.tuples(st.integers(0, 4), st.booleans()), min_size=2, max_size=60)


@given(COLUMNS)
def test_the_area_is_that_of_scikit_learn(pairs):
    values, labels = np.array([one for one, _ in pairs], dtype=float), np.array([label for _, label in pairs])
    if labels.all() or not labels.any():
        assert np.isnan(auroc(values, labels))
    else:
        assert auroc(values, labels) == pytest.approx(roc_auc_score(labels, values))


@given(st.floats(0.55, 1.0), st.integers(5, 500), st.integers(5, 500), st.floats(1.0, 6.0))
def test_a_bound_lies_below_the_area_and_rises_with_the_subjects(area, positives, negatives, z):
    low = lower_bound(area, positives, negatives, z)[0]
    more = lower_bound(area, 2 * positives, 2 * negatives, z)[0]
    assert 0.5 <= low < area
    assert more >= low - 1e-9


def test_bounds_hold_for_areas_under_chance():
    rng = np.random.default_rng(0)
    tests, too_high = 400, 0
    labels = np.arange(60) < 20
    for _ in range(tests):
        area = auroc(rng.normal(size=60), labels)
        too_high += bool(lower_bound(abs(area - 0.5) + 0.5, 20, 40, critical(tests))[0] > 0.5)
    assert too_high <= 2


def test_a_share_of_subjects_is_told_from_chance():
    assert shares_differ(np.ones(30), np.zeros(30))[1] < 1e-6
    ratio, chance = shares_differ(np.repeat([1.0, 0.0], 15), np.repeat([1.0, 0.0], 15))
    assert (ratio, chance) == (1.0, 0.5)
    assert shares_differ([], [1.0]) == (1.0, 1.0)
    assert enriched(20, 40, 0, 60)[1] < 1e-6
    assert enriched(0, 0, 0, 60) == (1.0, 1.0)


@settings(max_examples=8, deadline=None)
@given(st.integers(0, 1000))
def test_areas_in_sql_are_those_of_mann_and_whitney(seed):
    made = ward(60, seed=seed)
    import duckdb

    from models.leakage.material import prepare

    con = duckdb.connect(config={"threads": 1})
    con.register("event_frame", made.events.to_arrow())
    con.execute("CREATE TABLE event AS FROM event_frame")
    prepare(con, made.rows)
    con.execute(_KNOWN)
    areas = {(row[0], row[1]): row[2] for row in con.execute(_AREAS, {"least": MIN_ROWS}).fetchall()}
    known = con.sql("FROM audit_known").pl()
    labels = made.rows["boolean_value"].to_numpy()
    assert len(areas) > 10
    for code, kind in areas:
        found = known.filter(known["code"] == code)
        if kind in {"last value", "time since"}:
            values = found["last_value" if kind == "last value" else "silence"].to_numpy()
            classes = found["label"].to_numpy()
        else:
            counts = dict(zip(found["row"], found["n"], strict=True))
            values = np.array([counts.get(row, 0) for row in range(len(labels))])
            values, classes = (values > 0 if kind == "presence" else values), labels
        statistic = mannwhitneyu(values[classes].astype(float), values[~classes].astype(float)).statistic
        assert areas[code, kind] == pytest.approx(statistic / (classes.sum() * (~classes).sum()))


def test_what_comes_after_the_prediction_is_in_no_feature():
    made = ward(60)
    late = made.plant(made.positives, "LATE", DAY / 24)
    assert not any("LATE" in str(result) for result in late.audit().results)


def test_the_page_has_every_finding_with_its_meaning():
    page = (REPOSITORY / "docs" / "audit.md").read_text()
    rows = [line for line in page.splitlines() if line.startswith("| `")]
    assert [row.split("`")[1] for row in rows] == list(KINDS)
    for row, (code, kind) in zip(rows, KINDS.items(), strict=True):
        cells = [cell.strip() for cell in row.strip("|").split("|")]
        assert cells[1] == kind.area, code
        assert cells[3] == kind.meaning, code
        assert cells[4] == kind.advice, code
