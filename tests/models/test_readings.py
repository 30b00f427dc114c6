import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ehr.timelines import Timelines
from ehr.vocabulary import UNKNOWN, TokenSettings, Vocabulary
from models.readings import NO_GAP, fuse, gaps_between, latest

SETTINGS = TokenSettings(quantiles=4, gap_names=("1h", "1d"), gap_starts=(3_600, 86_400), age_years=0)
VOCABULARY = Vocabulary(
    "test",
    SETTINGS,
    ("A", "LAB"),
    (),
    {"LAB": (1.0, 2.0, 3.0)},
    (),
    ((3_600.0,), (86_400.0,)),
    scales={"LAB": (2.0, 0.5)},
)
A, LAB = (VOCABULARY.code_tokens[code] for code in ("A", "LAB"))
START = np.datetime64("2150-01-01", "us")
moments = st.lists(
    st.tuples(st.integers(0, 200_000), st.sampled_from(["A", "LAB", "?"]), st.floats(-5, 9, width=32)), max_size=12
)


def stream(records):
    """Return the token stream of records (seconds or None, code, number), as `ehr.tokens` writes it."""
    tokens, times, values, events, offsets = [], [], [], [], [0]
    for record in records:
        last = None
        for event, (seconds, code, number) in enumerate(record):
            time = np.datetime64("NaT", "us") if seconds is None else START + np.timedelta64(seconds, "s")
            rows = [(VOCABULARY.token_of(code), np.nan, event)]
            if code == "LAB":
                value_bin = int(np.searchsorted([1.0, 2.0, 3.0], number, side="right"))
                rows.append((VOCABULARY.first_quantile + value_bin, number, event))
            gap = 0 if last is None else (seconds - last >= 3_600) + (seconds - last >= 86_400)
            if gap:
                rows.insert(0, (VOCABULARY.first_gap + gap - 1, np.nan, -1))
            for token, value, number_of in rows:
                tokens.append(token)
                times.append(time)
                values.append(value)
                events.append(number_of)
            last = seconds
        offsets.append(len(tokens))
    return Timelines(
        np.arange(len(records), dtype=np.int64),
        np.array(offsets, dtype=np.int64),
        np.array(tokens, dtype=np.uint32),
        np.array(times, dtype="datetime64[us]"),
        np.array(events, dtype=np.int64),
        np.array(values, dtype=np.float32),
        VOCABULARY.hash,
    )


@given(st.lists(moments, max_size=4))
@settings(max_examples=60)
def test_every_event_is_one_position_with_its_bin_its_number_and_the_gap_before_it(histories):
    records = [[(None, "A", 0.0), *sorted(history, key=lambda event: event[0])] for history in histories]
    readings = fuse(stream(records), VOCABULARY)
    assert np.diff(readings.timelines.offsets).tolist() == [len(record) for record in records]
    place = 0
    for record in records:
        last = None
        for event, (seconds, code, number) in enumerate(record):
            assert readings.timelines.tokens[place] == {"A": A, "LAB": LAB, "?": UNKNOWN}[code]
            assert readings.timelines.event_ids[place] == event
            expected = (number - 2.0) / 0.5 if code == "LAB" else np.nan
            assert readings.timelines.values[place] == pytest.approx(expected, nan_ok=True, rel=1e-5)
            assert (readings.bins[place] > 0) == (code == "LAB")
            if event:
                gap = gaps_between(readings, np.array([place - 1]), np.array([place]))[0]
                expected_gap = NO_GAP if last is None else (seconds - last >= 3_600) + (seconds - last >= 86_400)
                assert gap == expected_gap
            last, place = seconds, place + 1


def test_nothing_is_read_of_nobody():
    readings = fuse(stream([]), VOCABULARY)
    assert len(readings) == 0
    assert readings.timelines.offsets.tolist() == [0]


@given(moments, st.floats(0.5, 30))
@settings(max_examples=60)
def test_thinning_keeps_the_last_of_each_code_in_every_span_back_from_the_end(history, hours):
    record = [(None, "A", 0.0), *sorted(history, key=lambda event: event[0])]
    readings = fuse(stream([record]), VOCABULARY)
    end = 250_000
    ends = np.array([START + np.timedelta64(end, "s")])
    places, counts = latest(readings, np.array([1]), np.array([len(record)]), ends, hours)
    latest_of = {}
    for place, (seconds, code, _) in enumerate(record[1:], 1):
        latest_of[code, (end - seconds) * 1_000_000 // int(hours * 3_600_000_000)] = place
    assert places.tolist() == sorted(latest_of.values())
    assert counts.tolist() == [len(latest_of)]
