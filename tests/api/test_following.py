import pytest

from api.cli import main
from tests.api.test_training import TASK, answer, patient, refusal, store

__all__ = ["patient", "store"]


def test_a_risk_is_followed_through_the_last_stay(store, patient, capsys):
    subject, _ = patient
    asked = ("predict", "--store", store, "--model", "tiny", "--task", TASK, "--subject", str(subject))
    course = answer(capsys, *asked, "--through", "last", "--every", "12h")
    times = [point["time"] for point in course["points"]]
    assert times[0] == course["stay"]["begin"]
    assert times == sorted(times)
    assert course["method"] == "supervised"
    known = [point["events"] for point in course["points"]]
    assert known == sorted(known)
    # The same time asked for alone gives the same risk.
    chosen = next(point for point in course["points"] if point["risk"] is not None)
    alone = answer(capsys, *asked, "--at", chosen["time"])
    assert alone["estimates"][0]["risk"] == pytest.approx(chosen["risk"], abs=1e-6)


def test_a_course_is_drawn_and_can_be_generated_at_each_moment(store, patient, capsys):
    subject, _ = patient
    asked = ("predict", "--store", store, "--model", "tiny", "--task", TASK, "--subject", str(subject))
    assert main([*asked, "--through", "last", "--every", "2d", "--generate", "2"]) == 0
    shown = capsys.readouterr().out
    assert "generated" in shown
    assert "each risk rests on what was known by its time" in " ".join(shown.split())


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("--every", "soon"), "write a step such as 6h"),
        (("--through", "12345678901"), "has no stay 12345678901"),
        (("--every", "6h", "--explain", "3"), "ask with --at, --explain or --without for one"),
        (("--every", "0h"), "steps of more than 0 hours"),
    ],
)
def test_a_course_that_cannot_be_followed_is_refused(store, patient, capsys, arguments, message):
    subject, _ = patient
    asked = ("predict", "--store", store, "--model", "tiny", "--task", TASK, "--subject", str(subject))
    assert message in " ".join(refusal(capsys, *asked, *arguments).split())
