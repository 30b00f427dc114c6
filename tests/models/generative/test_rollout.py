from dataclasses import replace

import numpy as np
import pytest
import torch

from ehr.errors import ModelError
from ehr.events import DEATH
from ehr.tasks.reader import parse_task
from ehr.vocabulary import TokenSettings, Vocabulary
from models.events import Reading
from models.generative.draws import Bins, Clock, pick
from models.generative.futures import question
from models.generative.rollout import Histories, Rollout, Sampling
from tests.models.made import make_vocabulary

DAY = 86_400
VOCABULARY = make_vocabulary(codes=("A", "EVENT", "STOP", DEATH), gap_starts=(DAY, DAY + 1))
N = len(VOCABULARY)
TASK = """
predicates:
  seen: {{code: EVENT}}
  stop: {{code: STOP}}
  death: {{code: MEDS_DEATH}}
  stop_or_event: {{expr: "or(stop, seen)"}}
trigger: stop
windows:
  past: {{start: null, end: trigger, start_inclusive: true, end_inclusive: true, index_timestamp: end}}
  target: {{start: {start}, end: {end}, start_inclusive: false, end_inclusive: {inclusive}, label: seen}}
"""


def task(end="start + 30d", inclusive="true", start="past.end"):
    return parse_task(TASK.format(end=end, inclusive=inclusive, start=start), "made")


class Chain:
    """A backbone that knows its chances: of a gap of a day, and of the codes after it and within a moment."""

    def __init__(self, after_gap, at_once, gap=1.0):
        self.gaps = torch.tensor([1 - gap, gap, 0.0], dtype=torch.float64)
        self.codes = torch.zeros(3, N, dtype=torch.float64)
        for chances, rows in ((at_once, [0]), (after_gap, [1, 2])):
            for name, chance in chances.items():
                self.codes[rows, VOCABULARY.code_tokens[name]] = chance

    def prefill(self, reading, visible):
        return torch.zeros(len(reading.codes), 1), self

    def step(self, reading, cache):
        return torch.zeros(*reading.codes.shape, 1)

    def gap_logits(self, states):
        return self.gaps.clamp(min=1e-12).log().expand(*states.shape[:-1], -1)

    def code_logits(self, states, gaps):
        return self.codes.clamp(min=1e-12).log()[gaps]

    def value_logits(self, states, gaps, codes):
        return torch.zeros(*codes.shape, max(1, VOCABULARY.settings.quantiles))

    def select(self, rows, futures):
        pass


def histories(rows=1, silence=0.0):
    shape = (rows, 1)
    reading = Reading(
        torch.full(shape, VOCABULARY.code_tokens["A"]),
        torch.zeros(shape, dtype=torch.int64),
        torch.full(shape, torch.nan),
        torch.zeros(shape, dtype=torch.float64),
    )
    silences = torch.full((rows,), silence, dtype=torch.float64)
    return Histories(reading, torch.ones(shape, dtype=torch.bool), silences, silences)


def outcomes(chain, asked, futures=4000, rows=1, silence=0.0, **sampling):
    chance = torch.Generator().manual_seed(1)
    chosen = Sampling(futures=futures, **sampling)
    return Rollout(histories(rows, silence), asked, VOCABULARY, chosen, chance).run(chain)


def assert_close(found, expected, futures):
    """Check both estimates against the exact probability, within four standard errors of a share."""
    error = 4 * np.sqrt(expected * (1 - expected) / futures)
    assert found.drawn.mean() == pytest.approx(expected, abs=error)
    assert found.probability.mean() == pytest.approx(expected, abs=error)


def test_an_event_bounded_window_gives_the_exact_probability():
    chain = Chain({"EVENT": 0.1, "STOP": 0.2, "A": 0.7}, {"A": 1.0})
    found = outcomes(chain, question(task("start -> stop_or_event"), VOCABULARY))
    assert_close(found, 1 / 3, 4000)
    assert found.probability.std() < 0.5 * found.drawn.std()
    assert not found.unfinished.any()


def test_a_time_bounded_window_gives_the_exact_probability():
    chain = Chain({"EVENT": 0.05, "A": 0.95}, {"A": 1.0})
    found = outcomes(chain, question(task("start + 10d"), VOCABULARY))
    # Gaps last from 1 d to 1 d + 1 s, so that nine of them fit and the tenth ends a little late.
    assert_close(found, 1 - 0.95**9, 4000)
    assert found.probability.std() < 1e-6


def test_several_events_at_one_moment_count_once_each():
    chain = Chain({"EVENT": 0.2, "A": 0.8}, {"EVENT": 0.2, "A": 0.8}, gap=0.5)
    # From a code: x = 0.1 + 0.4 x + 0.5 * 0 within the moment, then the window of a day and a half is over.
    within = 0.1 / (1 - 0.4)
    found = outcomes(chain, question(task("start + 36h"), VOCABULARY))
    assert_close(found, 0.2 + 0.8 * within, 4000)


def test_the_moment_that_ends_the_window_belongs_to_it_to_its_end():
    chain = Chain({"EVENT": 0.2, "STOP": 0.3, "A": 0.5}, {"EVENT": 1.0}, gap=0.75)
    one_moment = 0.2 + 0.8 * 0.25
    expected = one_moment / (1 - 0.5 * 0.75)  # or A, no EVENT, and on to the next moment
    assert_close(outcomes(chain, question(task("start -> stop"), VOCABULARY)), expected, 4000)


def test_death_ends_a_future():
    chain = Chain({DEATH: 0.5, "A": 0.5}, {"EVENT": 1.0}, gap=0.5)
    found = outcomes(chain, question(task("start + 36h"), VOCABULARY))
    assert_close(found, 0.25, 4000)


def test_the_first_gap_is_longer_than_the_time_that_has_passed():
    vocabulary = make_vocabulary(codes=("A", "EVENT", "STOP"), gap_starts=(DAY, 10 * DAY))
    clock = Clock(vocabulary)
    shares = clock.passed(torch.tensor([0.5, 2.0, 11.0], dtype=torch.float64)).tolist()
    assert shares == [[1, 0, 0], [1, pytest.approx(0.76, abs=0.1), 0], [1, 1, 1]]
    level = torch.tensor([0.5, 0.1, 0.99], dtype=torch.float64)
    assert (clock.days(torch.tensor([0, 1, 2]), level) >= torch.tensor([0.0, 1.0, 10.0])).all()


def test_after_a_silence_the_next_event_is_not_in_the_past():
    chain = Chain({"EVENT": 1.0}, {"A": 1.0})
    asked = question(task("start + 12h"), VOCABULARY)
    assert outcomes(chain, asked, futures=50, silence=0.9).probability.min() > 0.999
    assert outcomes(chain, asked, futures=50, silence=0.2).probability.max() == 0


def test_a_future_that_never_ends_is_cut_off_and_reported():
    chain = Chain({"A": 1.0}, {"A": 1.0})
    found = outcomes(chain, question(task("start -> stop_or_event"), VOCABULARY), futures=20, max_events=50)
    assert found.unfinished.all()
    assert found.probability.max() < 1e-9


def test_rows_keep_their_own_futures_when_others_end_early():
    chain = Chain({"EVENT": 0.02, "STOP": 0.02, "A": 0.96}, {"A": 1.0})
    found = outcomes(chain, question(task("start -> stop_or_event"), VOCABULARY), 800, rows=5)
    for row in range(5):
        assert found.drawn[row].mean() == pytest.approx(0.5, abs=0.08)


def test_the_window_may_open_later_than_the_prediction():
    chain = Chain({"EVENT": 0.05, "A": 0.95}, {"A": 1.0})
    found = outcomes(chain, question(task("start + 5d", start="past.end + 3d"), VOCABULARY))
    # Events come every day and a little: those of days 1 to 3 are too early or just late enough, those after 8 late.
    assert_close(found, 1 - 0.95**5, 4000)


def test_a_gap_drawn_for_all_has_the_same_mean(monkeypatch):
    chain = Chain({"EVENT": 0.2, "STOP": 0.3, "A": 0.5}, {"EVENT": 0.5, "A": 0.5}, gap=0.6)
    asked = question(task("start -> stop"), VOCABULARY)
    integrated = outcomes(chain, asked).probability.mean()
    monkeypatch.setattr("models.generative.rollout._SCORES_AT_ONCE", 0)
    drawn = outcomes(chain, asked).probability
    assert drawn.mean() == pytest.approx(integrated, abs=4 * drawn.std() / np.sqrt(4000))


def test_light_futures_are_dropped_without_moving_the_mean():
    chain = Chain({"EVENT": 0.02, "STOP": 0.2, "A": 0.78}, {"A": 1.0})
    asked = question(task("start -> stop_or_event"), VOCABULARY)
    for least in (0.0, 0.1, 0.9):
        assert_close(outcomes(chain, asked, least_weight=least, max_events=200), 0.02 / 0.22, 4000)


VALUED = Vocabulary(
    "valued",
    TokenSettings(quantiles=2, gap_names=("d",), gap_starts=(DAY,), age_years=0),
    ("A", "LAB", "STOP"),
    (),
    {"LAB": (5.0,)},
    (),
    ((float(DAY),),),
    {"LAB": (5.0, 2.0)},
)


class Valued:
    """A backbone whose every event is a LAB a day after the last, in the lower bin with a chance of 0.75."""

    def prefill(self, reading, visible):
        return torch.zeros(len(reading.codes), 1), self

    def step(self, reading, cache):
        self.seen = reading
        return torch.zeros(*reading.codes.shape, 1)

    def gap_logits(self, states):
        return torch.tensor([0.0, 1.0]).log().expand(*states.shape[:-1], -1)

    def code_logits(self, states, gaps):
        codes = torch.zeros(len(VALUED))
        codes[VALUED.code_tokens["LAB"]] = 1.0
        return codes.log().expand(*gaps.shape, -1)

    def value_logits(self, states, gaps, codes):
        return torch.tensor([0.75, 0.25]).log().expand(*codes.shape, -1)

    def select(self, rows, futures):
        pass


@pytest.mark.parametrize(
    ("bounds", "chance"),
    [
        ("value_min: 5", 0.25),  # the upper bin
        ("value_min: 6", 0.125),  # half of it, since it ends a spread above its edge
        ("value_max: 4", 0.375),
        ("value_min: 4, value_max: 6", 0.5),
        ("value_min: 8", 0.0),
    ],
)
def test_bounds_on_values_count_bins_and_shares_of_them(bounds, chance):
    text = TASK.format(end="start + 36h", inclusive="true", start="past.end")
    text = text.replace("{code: EVENT}", f"{{code: LAB, {bounds}}}")
    if not chance:
        with pytest.raises(ModelError, match="no value bins for predicate seen"):
            question(parse_task(text, "made"), VALUED)
        return
    backbone, generator = Valued(), torch.Generator().manual_seed(1)
    asked = question(parse_task(text, "made"), VALUED)
    run = Rollout(histories(), asked, VALUED, Sampling(futures=2000), generator)
    found = run.run(backbone)
    assert found.probability == pytest.approx(chance)
    assert found.drawn.mean() == pytest.approx(chance, abs=0.05)


def test_numbers_of_futures_are_those_that_were_not_asked_for():
    text = TASK.format(end="start + 60h", inclusive="true", start="past.end")
    asked = question(parse_task(text.replace("{code: EVENT}", "{code: LAB, value_min: 6}"), "made"), VALUED)
    backbone, generator = Valued(), torch.Generator().manual_seed(1)
    found = Rollout(histories(), asked, VALUED, Sampling(futures=2000), generator).run(backbone)
    assert found.probability == pytest.approx(1 - 0.875**2)
    assert set(backbone.seen.bins.unique().tolist()) == {1, 2}
    assert backbone.seen.values.min() >= -1  # 3 to 6, in spreads above 5
    assert backbone.seen.values.max() <= 0.5


def test_bins_end_a_spread_beyond_their_edges():
    bins = Bins(VALUED)
    token = torch.tensor(VALUED.code_tokens["LAB"])
    levels = torch.tensor([0.0, 0.5], dtype=torch.float64)
    numbers = bins.numbers(token.expand(2), torch.tensor([1, 2]), levels)
    assert numbers.tolist() == [-1.0, 0.5]
    assert bins.numbers(token, torch.tensor(0), levels[0]).isnan()


def test_places_are_picked_where_there_is_weight():
    weights = torch.tensor([[0.0, 0.3, 0.0, 0.7, 0.0]])
    picked = [int(pick(weights, torch.tensor([level], dtype=torch.float64))) for level in (0.0, 0.29, 0.31, 1.0)]
    assert picked == [1, 1, 3, 3]


def test_futures_depend_on_the_seed_alone():
    chain = Chain({"EVENT": 0.1, "STOP": 0.2, "A": 0.7}, {"A": 1.0})
    asked = question(task("start -> stop_or_event"), VOCABULARY)
    one, two = outcomes(chain, asked, futures=20), outcomes(chain, asked, futures=20)
    assert (one.probability == two.probability).all()
    assert (one.drawn == two.drawn).all()


BEFORE_RESULT = """
predicates:
  lab: {code: LAB}
  high: {code: LAB, value_min: 5}
trigger: lab
windows:
  result:
    {start: end - 1m, end: trigger, start_inclusive: false, end_inclusive: true, label: high, index_timestamp: start}
"""


class Mixed(Valued):
    """Like Valued, but most events are an A."""

    def code_logits(self, states, gaps):
        codes = torch.zeros(len(VALUED))
        codes[VALUED.code_tokens["LAB"]], codes[VALUED.code_tokens["A"]] = 0.1, 0.9
        return codes.log().expand(*gaps.shape, -1)


def test_a_trigger_that_is_known_to_come_is_given():
    asked = question(parse_task(BEFORE_RESULT, "made"), VALUED)
    assert asked.given.nonzero()[0].tolist() == [VALUED.code_tokens["LAB"]]
    run = Rollout(histories(silence=3.0), asked, VALUED, Sampling(futures=50), torch.Generator().manual_seed(1))
    found = run.run(Mixed())
    assert found.probability == pytest.approx(0.25)  # the chance of the upper bin, however rare the LAB


def test_a_trigger_that_is_far_ahead_is_refused():
    with pytest.raises(ModelError, match="long before its trigger"):
        question(parse_task(BEFORE_RESULT.replace("1m", "2d"), "made"), VALUED)


@pytest.mark.parametrize(("bound", "chance"), [("> 50 mg/L", 0.25), ("> 6 mg/dL", 0.125), ("< 5 mg/dL", 0.75)])
def test_bounds_are_converted_to_the_unit_of_the_token(bound, chance):
    vocabulary = replace(VALUED, units={"LAB": "mg/dL"})
    text = TASK.format(end="start + 36h", inclusive="true", start="past.end")
    text = text.replace("{code: EVENT}", f'{{code: LAB, value: "{bound}"}}')
    asked = question(parse_task(text, "made"), vocabulary)
    run = Rollout(histories(), asked, vocabulary, Sampling(futures=50), torch.Generator().manual_seed(1))
    assert run.run(Valued()).probability == pytest.approx(chance)


def test_bounds_in_a_unit_that_does_not_fit_are_refused():
    text = TASK.format(end="start + 36h", inclusive="true", start="past.end")
    text = text.replace("{code: EVENT}", '{code: LAB, value: "> 5 mmol/L"}')
    with pytest.raises(ModelError, match="in a unit that fits"):
        question(parse_task(text, "made"), VALUED)
