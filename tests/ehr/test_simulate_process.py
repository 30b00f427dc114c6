"""The filter and the recursions of the hidden process against brute force: every hidden path is counted."""

from itertools import pairwise, product

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ehr.simulate.paths import DAY, STEP, Course, Kind, admission_share
from ehr.simulate.physiology import build_process
from ehr.simulate.process import (
    ADMISSIONS,
    READMISSION_DAYS,
    Event,
    Floats,
    Move,
    Process,
    admission_within,
    death_in_hospital,
    draw,
)
from ehr.simulate.truth import Records, filter_course

PHENOTYPES, SEVERITIES, REASONS = 2, 2, 2


def tiny_process(seed: int) -> Process:
    """Return a process with random tables of the smallest size that has every part."""
    rng = np.random.default_rng(seed)

    def table(*shape: int) -> Floats:
        drawn = rng.uniform(0.05, 1.0, shape)
        return np.asarray(drawn / drawn.sum(axis=-1, keepdims=True))

    start = table(1, PHENOTYPES * SEVERITIES).reshape(1, PHENOTYPES, SEVERITIES)
    return Process(
        start=start,
        home=table(PHENOTYPES, SEVERITIES, SEVERITIES),
        event=table(1, PHENOTYPES, SEVERITIES, len(Event)),
        acute=table(2, PHENOTYPES, SEVERITIES, SEVERITIES),
        reason=table(2, PHENOTYPES, SEVERITIES, REASONS),
        unit=table(SEVERITIES, 2),
        stay=table(2, PHENOTYPES, SEVERITIES, SEVERITIES),
        move=table(1, REASONS, 2, PHENOTYPES, SEVERITIES, len(Move)),
        present=rng.uniform(0.1, 0.9, (1, 1, PHENOTYPES)),
        onset=rng.uniform(0.1, 0.6, (1, PHENOTYPES)),
        longest=3,
    )


@st.composite
def courses(draw_: st.DrawFn) -> tuple[Course, Records]:
    """Draw what one patient's records show: a visit, days at home, a stay of some steps, and random evidence."""
    rows: list[dict[str, int]] = [{"kind": Kind.ENTRY}]
    if draw_(st.booleans()):
        rows.append({"kind": Kind.HOME, "days": draw_(st.integers(1, 2)), "event": Event.VISIT})
    event = draw_(st.sampled_from(ADMISSIONS))
    stay = {
        "stay": 0,
        "admission": ADMISSIONS.index(event),
        "reason": draw_(st.integers(0, REASONS - 1)),
        "unit": draw_(st.integers(0, 1)),
    }
    rows.append({"kind": Kind.HOME, "days": draw_(st.integers(1, 2)), "event": event, **stay})
    steps = draw_(st.integers(1, 3))
    for step in range(steps):
        last = step == steps - 1
        move = draw_(st.sampled_from((Move.LEAVE, Move.REMAIN, Move.CHANGE_UNIT) if last else (Move.REMAIN,)))
        end = draw_(st.integers(0, 2 * DAY))
        rows.append({"kind": Kind.STEP, "step": step, "move": move, "end": end, **stay})
    names = [name for name in Course.__dataclass_fields__ if name != "patient"]
    columns = {name: np.array([int(row.get(name, -1)) for row in rows]) for name in names}
    course = Course(patient=np.zeros(len(rows), dtype=np.int64), **columns)
    numbers = st.floats(0.05, 1.0)
    evidence = np.log(
        np.array(draw_(st.lists(numbers, min_size=4 * len(rows), max_size=4 * len(rows)))).reshape(len(rows), 2, 2)
    )
    drugs, bills = ((np.array([[draw_(numbers)]]), np.array([[draw_(numbers)]])) for _ in range(2))
    return course, Records(evidence, drugs, bills)


def joint(process: Process, course: Course, records: Records) -> Floats:
    """Return the joint probability of the records with phenotype and last severity, path by path (P, S)."""
    found = np.zeros((PHENOTYPES, SEVERITIES))
    moves = 1 + sum(int(d) for d in course.days if d > 0) + int((course.stay >= 0).sum())
    home_days = sum(int(d) for d in course.days if d > 0)
    for phenotype in range(PHENOTYPES):
        condition = condition_likelihood(process, phenotype, home_days, course, records)
        for path in product(range(SEVERITIES), repeat=moves):
            weight = process.start[0, phenotype, path[0]] * condition
            found[phenotype, path[-1]] += weight * path_likelihood(process, phenotype, path, course, records)
    return found


def path_likelihood(
    process: Process, phenotype: int, path: tuple[int, ...], course: Course, records: Records
) -> float:
    """Return the probability of the records, and of the severities after the first, given phenotype and path."""
    here, chance = 0, 1.0
    for row in range(len(course)):
        kind, reason, unit = course.kind[row], course.reason[row], course.unit[row]
        if kind == Kind.HOME:
            for day in range(course.days[row]):
                last = day == course.days[row] - 1
                event = course.event[row] if last else Event.NOTHING
                chance *= process.home[phenotype, path[here], path[here + 1]]
                chance *= process.event[0, phenotype, path[here + 1], event]
                here += 1
        if kind == Kind.STEP:
            chance *= process.stay[unit, phenotype, path[here], path[here + 1]]
            here += 1
            chance *= process.move[0, reason, unit, phenotype, path[here], course.move[row]]
        chance *= np.exp(records.evidence[row, phenotype, path[here]])
        if kind == Kind.HOME and course.stay[row] >= 0:
            admission = course.admission[row]
            chance *= process.acute[admission, phenotype, path[here], path[here + 1]]
            here += 1
            chance *= process.reason[admission, phenotype, path[here], reason] * process.unit[path[here], unit]
    assert here == len(path) - 1
    return float(chance)


def condition_likelihood(process: Process, phenotype: int, home_days: int, course: Course, records: Records) -> float:
    """Return the probability of the orders and bills of the only condition, over all days on which it can begin."""
    present, onset = process.present[0, 0, phenotype], process.onset[0, phenotype]
    absent = (1 - present) * (1 - onset) ** home_days
    seen = [records.drugs] + ([records.bills] if course.move[-1] == Move.LEAVE else [])
    there, away = (np.prod([likelihood[place][0, 0] for likelihood in seen]) for place in (0, 1))
    return float((1 - absent) * there + absent * away)


def death_by_steps(
    process: Process, reason: int, unit: int, phenotype: int, severity: int, steps: int = 400
) -> float:
    """Return the chance of death in hospital by following the distribution over unit and severity step by step."""
    weight = np.zeros((2, SEVERITIES))
    weight[unit, severity] = 1.0
    dead = 0.0
    for _ in range(steps):
        after = np.zeros_like(weight)
        for here, old, new in product(range(2), range(SEVERITIES), range(SEVERITIES)):
            mass = weight[here, old] * process.stay[here, phenotype, old, new]
            moves = process.move[0, reason, here, phenotype, new]
            dead += mass * moves[Move.DIE]
            after[here, new] += mass * moves[Move.REMAIN]
            after[1 - here, new] += mass * moves[Move.CHANGE_UNIT]
        weight = after
    return dead


def admission_by_days(process: Process, phenotype: int, severity: int, second_of_day: int) -> float:
    """Return the chance of an admission within 30 days by following the severity day by day."""
    weight = np.eye(SEVERITIES)[severity]
    chance = 0.0
    for day in range(1, READMISSION_DAYS + 1):
        weight = weight @ process.home[phenotype]
        for kind, event in enumerate(ADMISSIONS):
            share = float(admission_share(kind, np.array([second_of_day]))[0]) if day == READMISSION_DAYS else 1.0
            chance += share * float(weight @ process.event[0, phenotype, :, event])
        free = process.event[0, phenotype][:, [Event.NOTHING, Event.VISIT, Event.ED]].sum(axis=1)
        weight = weight * free
    return chance


@settings(deadline=None, max_examples=60)
@given(seed=st.integers(0, 2**32 - 1), seen=courses())
def test_the_filter_gives_the_risk_that_counting_every_hidden_path_gives(
    seed: int, seen: tuple[Course, Records]
) -> None:
    process, (course, records) = tiny_process(seed), seen
    risk = filter_course(process, np.zeros(1, dtype=np.int64), course, records)
    posterior = joint(process, course, records)
    posterior /= posterior.sum()
    move, reason, unit = int(course.move[-1]), int(course.reason[-1]), int(course.unit[-1])
    expected = 0.0
    for phenotype, severity in product(range(PHENOTYPES), range(SEVERITIES)):
        if move == Move.LEAVE:
            chance = admission_by_days(process, phenotype, severity, int(course.end[-1]) % DAY)
        else:
            next_unit = 1 - unit if move == Move.CHANGE_UNIT else unit
            chance = death_by_steps(process, reason, next_unit, phenotype, severity)
        expected += posterior[phenotype, severity] * chance
    assert risk[-1] == pytest.approx(expected, rel=1e-9)


@given(seed=st.integers(0, 2**32 - 1))
@settings(deadline=None, max_examples=20)
def test_the_backward_recursions_agree_with_following_the_chain(seed: int) -> None:
    process = tiny_process(seed)
    death = death_in_hospital(process)
    early, last = admission_within(process)
    for reason, unit, phenotype, severity in product(range(REASONS), range(2), range(PHENOTYPES), range(SEVERITIES)):
        followed = death_by_steps(process, reason, unit, phenotype, severity)
        assert death[0, reason, unit, phenotype, severity] == pytest.approx(followed, rel=1e-9)
    for phenotype, severity in product(range(PHENOTYPES), range(SEVERITIES)):
        followed = admission_by_days(process, phenotype, severity, DAY - 60)
        assert (early[0] + last[:, 0].sum(axis=0))[phenotype, severity] == pytest.approx(followed, rel=1e-9)


def test_every_table_of_the_process_holds_probabilities() -> None:
    process = build_process()
    drawn_from = ("home", "event", "acute", "reason", "unit", "stay", "move")
    for name in drawn_from:
        table = getattr(process, name)
        assert table.min() >= 0, name
        np.testing.assert_allclose(table.sum(axis=-1), 1, atol=1e-12, err_msg=name)
    np.testing.assert_allclose(process.start.sum(axis=(1, 2)), 1, atol=1e-12)
    for name in ("present", "onset"):
        assert 0 < getattr(process, name).min() <= getattr(process, name).max() < 1, name


@pytest.mark.parametrize("kind", [0, 1])
def test_the_share_of_admissions_grows_to_one_over_the_day(kind: int) -> None:
    shares = admission_share(kind, np.arange(0, DAY, 60))
    assert all(earlier <= later for earlier, later in pairwise(shares))
    assert shares[-1] == pytest.approx(1.0)


@given(
    weights=st.lists(st.sampled_from([0.0, 1.0, 2.0]), min_size=2, max_size=5).filter(any), seed=st.integers(0, 999)
)
def test_a_draw_never_takes_what_has_no_weight(weights: list[float], seed: int) -> None:
    drawn = draw(np.tile(weights, (50, 1)), np.random.default_rng(seed))
    assert all(weights[place] > 0 for place in drawn)


def test_a_day_at_home_has_four_steps_of_hospital() -> None:
    assert DAY == 4 * STEP
