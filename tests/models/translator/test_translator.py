"""A translator learns a tiny language by heart, never leaves it, and comes back from disk as it was."""

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ehr.errors import ModelError
from models.translator import Pair, Translator, load, save, settings_from, train, usable
from models.translator.artefact import TRANSLATOR_FILE, WEIGHTS_FILE
from models.translator.grammar import accepts
from models.translator.settings import as_mapping
from tests.models.translator.made import KINDS, Tiny, made_pairs, small

NO_ANSWER = [Pair(f"what will the weather be in {town}?", ()) for town in ("york", "oslo", "rome", "bonn")]


@pytest.fixture(scope="module")
def trained() -> Translator:
    return train([*made_pairs(), *NO_ANSWER], [], Tiny(), small(members=2, epochs=30))


def test_it_learns_pairs_by_heart_and_says_how_sure_it_is(trained: Translator) -> None:
    pairs = made_pairs()
    found = trained.translate([pair.question for pair in pairs])
    assert [one.tokens for one in found] == [pair.tokens for pair in pairs]
    for one in found:
        signals, best = one.signals, one.answers[0]
        assert signals.agreement == 1
        assert signals.answerable > 0.9
        assert signals.unseen_words == 0
        assert signals.mean_log == pytest.approx(sum(best.logs) / len(best.logs))
        assert signals.least_log <= signals.mean_log <= 0
        assert len(best.logs) == len(best.tokens) + 1
        assert signals.margin == pytest.approx(best.score - one.answers[1].score)
        assert [answer.score for answer in one.answers] == sorted((a.score for a in one.answers), reverse=True)


def test_questions_without_an_answer_are_told_apart(trained: Translator) -> None:
    assert all(trained(pair.question).signals.least_answerable < 0.2 for pair in NO_ANSWER)
    strange = trained("how many lab tests glorp of patient_1?").signals
    assert strange.unseen_words == pytest.approx(1 / 6)


def test_greedy_decoding_and_a_single_member_find_the_same_where_they_are_sure(trained: Translator) -> None:
    pairs = made_pairs()
    questions = [pair.question for pair in pairs]
    for one in (trained.single(0), trained.single(1)):
        assert [found.tokens for found in one.translate(questions, 1)] == [pair.tokens for pair in pairs]


WORDS = ["how", "many", "list", "the", "?", "year", "with", "since", "zebra", "é", "[lab_1+drug_1]"]
TEXTS = st.lists(
    st.sampled_from(
        [*WORDS, *(f"{kind}_{number}" for kind in ("lab", "drug", "patient", "date") for number in "12")]
    ),
    max_size=12,
).map(" ".join)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(TEXTS, st.integers(1, 5))
def test_it_never_writes_what_the_grammar_forbids_or_a_slot_that_is_not_there(
    trained: Translator, text: str, width: int
) -> None:
    found = trained(text, width)
    assert 1 <= len(found.answers) <= width
    assert len({answer.tokens for answer in found.answers}) == len(found.answers)
    for answer in found.answers:
        assert accepts(Tiny(), answer.tokens)
        held = text.replace("[", " ").replace("]", " ").replace("+", " ").split()
        assert all(token in held for token in answer.tokens if token[-1].isdigit())


def test_a_slot_of_an_open_kind_is_written_as_what_the_grammar_wants(trained: Translator) -> None:
    tokens = {kind: trained(f"list the {words} with [drug_1+lab_1]?").tokens for kind, words in KINDS.items()}
    assert tokens == {"lab": ("list", "lab", "lab_1"), "drug": ("list", "drug", "drug_1")}


def test_an_answer_pays_for_the_slots_that_it_leaves_out(trained: Translator) -> None:
    found = trained("list the lab tests with lab_1 since date_1?", 8)
    for answer in found.answers:
        unused = ("lab_1" not in answer.tokens) + ("date_1" not in answer.tokens)
        assert answer.score == pytest.approx(sum(answer.logs) - 2.0 * unused)
    assert found.signals.total_log == pytest.approx(sum(found.answers[0].logs))
    open_kind = trained("list the lab tests with [drug_1+lab_1]?")
    assert open_kind.answers[0].penalty == 0


def test_a_batch_of_questions_reads_as_each_alone(trained: Translator) -> None:
    questions = [*(pair.question for pair in made_pairs()[::5]), "zebra", ""]
    together = trained.translate(questions)
    for question, one in zip(questions, together, strict=True):
        alone = trained(question)
        assert alone.tokens == one.tokens
        assert alone.signals.total_log == pytest.approx(one.signals.total_log, abs=1e-4)


def test_it_comes_back_from_disk(trained: Translator, tmp_path) -> None:
    save(tmp_path, trained)
    back = load(tmp_path, Tiny())
    assert (back.lexicon, back.outputs, back.settings, back.report) == (
        trained.lexicon,
        trained.outputs,
        trained.settings,
        trained.report,
    )
    for pair in made_pairs():
        one, two = trained(pair.question), back(pair.question)
        assert one.tokens == two.tokens
        assert one.signals.total_log == pytest.approx(two.signals.total_log, abs=0.05)


class Narrow(Tiny):
    def allowed(self, prefix):
        return set(super().allowed(prefix)) - {"exists"}


def test_it_is_refused_when_it_does_not_fit(trained: Translator, tmp_path) -> None:
    with pytest.raises(ModelError, match="no finished translator"):
        load(tmp_path, Tiny())
    save(tmp_path, trained)
    with pytest.raises(ModelError, match="does not allow 'exists' after nothing"):
        load(tmp_path, Narrow())
    (tmp_path / WEIGHTS_FILE).write_bytes(b"other")
    with pytest.raises(ModelError, match="damaged"):
        load(tmp_path, Tiny())
    (tmp_path / TRANSLATOR_FILE).write_text("{}")
    with pytest.raises(ModelError, match="version"):
        load(tmp_path, Tiny())
    (tmp_path / TRANSLATOR_FILE).write_text("{")
    with pytest.raises(ModelError, match="cannot be read"):
        load(tmp_path, Tiny())


def test_training_stops_and_goes_on_where_it_stopped(tmp_path) -> None:
    pairs, work = made_pairs(), small(epochs=6, averaging=0.9)
    whole = train(pairs[::2], pairs[1::2], Tiny(), work)

    def stop(_what: str, done: int, _total: int) -> None:
        if done == 10:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        train(pairs[::2], pairs[1::2], Tiny(), work, folder=tmp_path, progress=stop)
    steps: list[int] = []
    resumed = train(
        pairs[::2],
        pairs[1::2],
        Tiny(),
        work,
        folder=tmp_path,
        progress=lambda _what, done, _total: steps.append(done),
    )
    assert min(steps) == 10
    assert resumed.report["members"][0]["error"] == pytest.approx(whole.report["members"][0]["error"], abs=1e-4)
    for one, two in zip(whole.networks[0].parameters(), resumed.networks[0].parameters(), strict=True):
        assert one.detach().numpy() == pytest.approx(two.detach().numpy(), abs=1e-4)
    with pytest.raises(ModelError, match="other pairs or settings"):
        train(pairs, [], Tiny(), work, folder=tmp_path)


def test_what_cannot_be_learnt_is_named() -> None:
    with pytest.raises(ModelError, match="no training pair"):
        train([Pair("why?", ())], [], Tiny(), small())
    with pytest.raises(ModelError, match="does not allow 'sing' after nothing"):
        train([Pair("sing", ("sing", "lab"))], [], Tiny(), small())
    lost = Pair("list the lab tests", ("list", "lab", "lab_1"))
    with pytest.raises(ModelError, match="slot 'lab_1' is not in"):
        train([lost], [], Tiny(), small())
    assert "lab_1" in (usable(lost, Tiny()) or "")
    assert "sing" in (usable(Pair("sing", ("sing",)), Tiny()) or "")
    assert [usable(pair, Tiny()) for pair in made_pairs()] == [None] * 36


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"widht": 3}, "no setting 'widht'"),
        ({"width": 30}, "multiple of 2"),
        ({"epochs": 0}, "above 0"),
        ({"dropout": 1.5}, r"\[0, 1\)"),
        ({"tied": 1}, "type bool"),
        ({"patience": -1}, "below 0"),
        ({"longest_piece": 2}, "longest_piece"),
    ],
)
def test_wrong_settings_are_named(values: dict[str, object], message: str) -> None:
    with pytest.raises(ModelError, match=message):
        settings_from(values)


def test_settings_come_back_from_their_mapping() -> None:
    assert settings_from(as_mapping(small())) == small()
