"""Timelines that go on to the end of the stay, of which a held-out stay shows nothing."""

from datetime import datetime, timedelta
from pathlib import Path

import duckdb
import numpy as np
import polars as pl
import pytest

from benchmarks.open_data import Stays
from benchmarks.physionet_futures import DISCHARGE, LAST_KNOWN, MARK, foretell, marked, past_of, read_ends
from ehr.events import DEATH

START = datetime(2012, 1, 1)
AFTER = START + timedelta(hours=48)
STAYS = 90
TINY = ("width=16", "heads=2", "layers=1", "max_tokens=64", "epochs=12", "learning_rate=1e-2", "tokens_per_step=256")


@pytest.fixture(scope="module")
def files(tmp_path_factory) -> list[Path]:
    """Label files of stays 1, 4, 7 ... that end in death; stays 5, 10 ... have no known length; stay 2 dies later."""
    path = tmp_path_factory.mktemp("labels") / "events_x.parquet"
    number = np.arange(1, STAYS + 1)
    died = number % 3 == 1
    pl.DataFrame(
        {
            "subject_id": number,
            "prediction_time": [AFTER] * STAYS,
            "in_hospital_death": died.astype(np.int8),
            "length_of_stay_days": np.where((number % 5 == 0) & ~died, -1, 6).astype(np.int32),
            "survival_days": np.where(died, 6, np.where(number == 2, 90, -1)).astype(np.int32),
        }
    ).write_parquet(path.with_name("labels_x.parquet"))
    return [path]


@pytest.fixture(scope="module")
def stays() -> Stays:
    """Stays in which a high lactate comes before every death."""
    rows = []
    for subject in range(1, STAYS + 1):
        died = subject % 3 == 1
        rows += [(subject, START, "AGE", 60.0), (subject, START + timedelta(hours=48), "ZINC", 1.0)]
        rows += [(subject, START + timedelta(hours=hour), "Lactate", 8.0 * died + 1 + hour / 50) for hour in (5, 30)]
    events = pl.DataFrame(
        rows,
        schema={"subject_id": pl.Int64, "time": pl.Datetime("us"), "code": pl.String, "numeric_value": pl.Float32},
        orient="row",
    )
    con = duckdb.connect()
    con.register("events", events.to_arrow())
    con.execute("CREATE TABLE event AS FROM events")
    numbers = list(range(1, STAYS + 1))
    labels = {"subject_id": numbers, "boolean_value": [number % 3 == 1 for number in numbers]}
    return Stays(con, pl.DataFrame(labels).with_columns(prediction_time=pl.lit(AFTER, pl.Datetime("us"))))


def test_ends_are_read_off_the_labels(files):
    ends = read_ends(files)
    codes = {
        subject: ends.filter(pl.col("subject_id") == subject).sort("time")["code"].to_list() for subject in range(6)
    }
    assert codes == {0: [], 1: [DEATH], 2: [DISCHARGE, DEATH], 3: [DISCHARGE, LAST_KNOWN], 4: [DEATH], 5: []}
    assert ends["time"].min() > AFTER + timedelta(hours=1)


def test_futures_tell_from_ends_of_other_stays_what_held_out_stays_do_not_show(files, stays):
    held_out = list(range(61, STAYS + 1))
    past = past_of(stays, read_ends(files), held_out)
    timelines, tokens = past.timelines, past.vocabulary.tokens
    names = {
        int(subject): [tokens[token] for token in timelines.tokens[begin:stop]]
        for subject, begin, stop in zip(
            timelines.subject_ids, timelines.offsets[:-1], timelines.offsets[1:], strict=True
        )
    }
    assert all(names[subject][-1] == MARK for subject in held_out)
    assert names[1][-1] == DEATH
    assert names[3][-1] == LAST_KNOWN
    assert names[61].index("ZINC") < names[61].index("MEAN//Lactate") < names[61].index(MARK)
    assert {"HIGHEST//Lactate", "LOWEST//Lactate", "MEAN//ZINC"} <= set(names[61])
    assert not {"HIGHEST//ZINC", "MEAN//AGE"} & set(names[61])

    rows = marked(stays.rows).filter(pl.col("subject_id").is_in(held_out))
    said = foretell(past, rows, TINY, members=2, futures=8).sort("subject_id")
    died = said["boolean_value"].to_numpy()
    chances = said["chances"].to_numpy()
    assert said["subject_id"].to_list() == held_out
    assert chances[died].min() > chances[~died].max()
    assert said["share"].is_between(0, 1).all()
