import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ehr.timelines import Timelines
from ehr.vocabulary import UNKNOWN, TokenSettings, Vocabulary
from models.readings import NO_GAP, fuse, gap_of, thin

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
            gap = (
                0
                if last is None or seconds is None
                else int(gap_of(np.array([float(seconds - last)]), VOCABULARY)[0])
            )
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
            if last is None or seconds is None:
                assert readings.gaps[place] == NO_GAP
            else:
                assert readings.gaps[place] == (seconds - last >= 3_600) + (seconds - last >= 86_400)
            last, place = seconds, place + 1


def test_nothing_is_read_of_nobody():
    readings = fuse(stream([]), VOCABULARY)
    assert len(readings) == 0
    assert readings.timelines.offsets.tolist() == [0]


@given(moments, st.floats(0.5, 30))
@settings(max_examples=60)
def test_thinning_keeps_the_first_of_each_stretch_whatever_comes_later(history, hours):
    record = [(None, "A", 0.0), *sorted(history, key=lambda event: event[0])]
    whole = thin(fuse(stream([record]), VOCABULARY), VOCABULARY, hours)
    assert whole.timelines.event_ids[0] == 0
    begin = record[1][0] if len(record) > 1 else 0
    seen, expected = set(), [0]
    for event, (seconds, code, _) in enumerate(record[1:], 1):
        stretch = (code, int((seconds - begin) * 1_000_000 // int(hours * 3_600_000_000)))
        if stretch not in seen:
            expected.append(event)
        seen.add(stretch)
    assert whole.timelines.event_ids.tolist() == expected
    part = thin(fuse(stream([record[: 1 + len(history) // 2]]), VOCABULARY), VOCABULARY, hours)
    assert whole.timelines.event_ids[: len(part)].tolist() == part.timelines.event_ids.tolist()
