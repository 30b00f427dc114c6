from dataclasses import replace

import numpy as np

from ehr.events import DEATH
from ehr.tasks.reader import parse_task
from models.events import layout_of
from models.generative.generate import generate, wilson
from models.generative.rollout import Sampling
from tests.models.made import make_rows, make_timelines, make_vocabulary, random_decoder, untrained_checkpoint

TASK = """
predicates:
  seen: {{code: EVENT}}
  stop: {{code: STOP}}
  death: {{code: MEDS_DEATH}}
  stop_or_event: {{expr: "or(stop, seen)"}}
trigger: stop
windows:
  past: {{start: null, end: trigger, start_inclusive: true, end_inclusive: true, index_timestamp: end}}
  target: {{start: past.end, end: {end}, start_inclusive: false, end_inclusive: {inclusive}, label: seen}}
"""


def test_generated_futures_depend_on_the_seed_alone():
    vocabulary = make_vocabulary()
    checkpoint = replace(untrained_checkpoint(vocabulary), decoder=random_decoder(layout_of(vocabulary)))
    made = parse_task(TASK.format(end="start + 30d", inclusive="true").replace("EVENT", "RISK"), "made")
    timelines = make_timelines(vocabulary, {1: [(0.0, "A"), (3.0, "B")], 2: [(None, "SEX//F")], 3: [(0.0, DEATH)]})
    rows = make_rows([(1, 4.0), (2, 4.0), (3, 4.0)])
    first, again = (generate(checkpoint, timelines, rows, made, Sampling(futures=16, seed=5)) for _ in range(2))
    other = generate(checkpoint, timelines, rows, made, Sampling(futures=16, seed=6))
    assert first.equals(again)
    assert not first.equals(other)
    assert first["risk"].is_null().to_list() == [False, True, True]
    assert first["share"].is_null().to_list() == [False, True, True]
    assert first["low"][0] <= first["risk"][0] <= first["high"][0]


def test_wilson_intervals_are_those_of_the_literature():
    # 81 of 263 at 95 %: 0.2553 to 0.3662 (Newcombe 1998, Statistics in Medicine 17:857, table I, method 3).
    low, high = wilson(np.array([81 / 263]), 263, level=0.95)
    assert (round(float(low[0]), 4), round(float(high[0]), 4)) == (0.2553, 0.3662)
