import numpy as np
import pytest
import torch

from ehr.errors import ModelError
from ehr.vocabulary import TokenSettings, Vocabulary
from models.data import NO_TARGET, Batch, Reader
from models.events import layout_of
from models.heads import Classifier, Heads
from models.learner import Learner
from models.objectives import hidden_value_losses, next_event_losses, weights_after, without_events
from models.readings import Readings
from models.transformer import Decoder
from tests.models.made import make_rows, make_timelines, random_decoder, tiny_settings

SETTINGS = TokenSettings(quantiles=3, gap_names=("1h", "1d"), gap_starts=(3_600, 86_400), age_years=0)
VOCABULARY = Vocabulary(
    "test", SETTINGS, ("A", "LAB"), (), {"LAB": (1.0, 2.0)}, (), ((3_600.0,), (86_400.0,)), scales={"LAB": (1.5, 0.5)}
)


def some_batch(documents=4, seed=0) -> Batch:
    rng = np.random.default_rng(seed)
    records = {
        subject: [(float(day), "AAL"[rng.integers(3)].replace("L", "LAB")) for day in np.sort(rng.uniform(0, 9, 8))]
        for subject in range(documents)
    }
    fused = make_timelines(VOCABULARY, records)
    # made timelines have no gap tokens left once they are read, and no values: they are given here
    keep = fused.tokens >= VOCABULARY.first_code
    offsets = np.concatenate([[0], np.cumsum(keep)])[fused.offsets]
    is_lab = fused.tokens[keep] == VOCABULARY.code_tokens["LAB"]
    bins = np.where(is_lab, rng.integers(1, 4, size=keep.sum()), 0).astype(np.uint8)
    timelines = type(fused)(
        fused.subject_ids,
        offsets.astype(np.int64),
        fused.tokens[keep],
        fused.times[keep],
        fused.event_ids[keep],
        np.where(is_lab, rng.normal(size=keep.sum()), np.nan).astype(np.float32),
        fused.vocabulary_hash,
    )
    reader = Reader(Readings(timelines, bins, np.array(SETTINGS.gap_starts, dtype=float)), 32, len(VOCABULARY), -1)
    rows, _ = reader.histories(make_rows([(subject, 10.0) for subject in records], [True, False] * (documents // 2)))
    return reader.collate(rows, [np.arange(documents)])


def chance(seed=0):
    return torch.Generator().manual_seed(seed)


def test_a_hidden_value_is_not_there_to_be_read():
    decoder, batch = random_decoder(layout_of(VOCABULARY)), some_batch()
    hidden = hidden_value_losses(decoder, batch, chance())
    reading = batch.reading
    drawn = []
    original = decoder.embedded

    def spy(reading):
        drawn.append(reading.bins == decoder.hidden_bin)
        return original(reading)

    decoder.embedded = spy
    hidden_value_losses(decoder, batch, chance())
    assert 0 < int(drawn[0].sum()) == len(hidden)
    other = torch.where(drawn[0], reading.values + 5, reading.values)
    changed = hidden_value_losses(decoder, batch._replace(reading=reading._replace(values=other)), chance())
    assert torch.equal(hidden, changed)


def test_reading_both_ways_sees_what_follows_and_never_another_document():
    decoder, batch = random_decoder(layout_of(VOCABULARY)), some_batch()
    later = batch.reading.codes.clone()
    later[0, 6] = VOCABULARY.code_tokens["A"] + (later[0, 6] == VOCABULARY.code_tokens["A"])
    changed = batch.reading._replace(codes=later)
    forwards = [decoder(reading, batch.documents) for reading in (batch.reading, changed)]
    both = [decoder(reading, batch.documents, both_ways=True) for reading in (batch.reading, changed)]
    assert torch.equal(forwards[0][0, :6], forwards[1][0, :6])
    assert not torch.allclose(both[0][0, :6], both[1][0, :6], atol=1e-4)
    others = batch.documents[0] != batch.documents[0, 6]
    assert torch.allclose(both[0][0, others], both[1][0, others], atol=1e-6)


def test_only_events_with_a_value_are_left_out_by_chance():
    batch = some_batch()
    left = without_events(batch, 0.5, chance())
    out = (left.documents == -1) & (batch.documents >= 0)
    assert int(out.sum()) > 0
    assert bool((batch.reading.bins[out] > 0).all())
    assert without_events(batch, 0.0, chance()) is batch


def test_the_surprise_at_the_next_events_is_that_of_gap_code_and_value():
    decoder, batch = random_decoder(layout_of(VOCABULARY)), some_batch(2)
    states = decoder(batch.reading, batch.documents)
    losses = next_event_losses(decoder, states, batch)
    expected = []
    for place in (batch.next_codes[0] >= 0).nonzero().squeeze(1):
        state, gap, code, value_bin = (
            part[0, place] for part in (states, batch.next_gaps, batch.next_codes, batch.next_bins)
        )
        after = gap.clamp(min=0)
        loss = -decoder.code_logits(state, after).log_softmax(-1)[code]
        loss = loss - (decoder.gap_logits(state).log_softmax(-1)[gap] if gap >= 0 else 0)
        loss = loss - (decoder.value_logits(state, after, code).log_softmax(-1)[value_bin] if value_bin >= 0 else 0)
        expected.append(loss)
    assert torch.allclose(losses, torch.stack(expected), atol=1e-4)


def test_heads_weigh_the_states_of_a_document_and_not_those_of_others():
    settings = tiny_settings("pools=3", "both_ways=true")
    torch.manual_seed(0)
    heads = Heads(settings.architecture, len(VOCABULARY), 0.3)
    torch.nn.init.normal_(heads.scores.weight)
    torch.nn.init.normal_(heads.weigh.weight)
    classifier = Classifier(Decoder(settings.architecture, layout_of(VOCABULARY)), heads).eval()
    batch = some_batch()
    together = classifier(batch)
    for number, place in enumerate(batch.queries):
        here = batch.documents[0] == batch.documents[0, place]
        reading = type(batch.reading)(*(part[:, here] for part in batch.reading))
        alone = batch._replace(
            reading=reading, documents=torch.zeros_like(reading.codes), queries=torch.tensor([int(here.sum()) - 1])
        )
        assert torch.allclose(classifier(alone)[0], together[number], atol=1e-4)


def test_what_follows_a_named_code_counts_more_and_nothing_else_does():
    decoder, batch = random_decoder(layout_of(VOCABULARY)), followed(some_batch())
    work = tiny_settings("weighted_after=LAB", "after_weight=8").optimisation
    states = decoder(batch.reading, batch.documents)
    plain = next_event_losses(decoder, states, batch)
    weighed = next_event_losses(decoder, states, batch, weights_after(VOCABULARY, work))
    asked = batch.reading.codes[batch.next_codes != NO_TARGET]
    after_lab = asked == VOCABULARY.code_tokens["LAB"]
    assert 0 < after_lab.sum() < len(plain)
    assert torch.allclose(weighed, plain * torch.where(after_lab, 8.0, 1.0))
    learner = Learner(decoder, None, work, weights_after(VOCABULARY, work))
    assert torch.allclose(learner._surprises(batch, chance(), hides=False), weighed)


def test_chances_stay_those_of_the_data_where_what_follows_counts_more():
    work = tiny_settings("weighted_after=LAB", "after_weight=20").optimisation
    weights = weights_after(VOCABULARY, work)
    decoder = random_decoder(layout_of(VOCABULARY))
    batch = followed(some_batch(documents=24))
    steps = torch.optim.Adam(decoder.next.parameters(), lr=0.05)
    # States that are told apart by the code alone.
    states = torch.nn.functional.one_hot(batch.reading.codes, decoder.shape.width).float()
    for _ in range(200):
        steps.zero_grad()
        next_event_losses(decoder, states, batch, weights).mean().backward()
        steps.step()
    lab, other = VOCABULARY.code_tokens["LAB"], VOCABULARY.code_tokens["A"]
    here = (batch.reading.codes == lab) & (batch.next_codes != NO_TARGET)
    share = float((batch.next_codes[here] == other).float().mean())
    gaps = decoder.gap_logits(states[here][:1]).softmax(-1)[0]
    codes = decoder.code_logits(states[here][:1].expand(len(gaps), -1), torch.arange(len(gaps))).softmax(-1)
    assert abs((gaps @ codes[:, other]).item() - share) < 0.02


def test_weights_that_change_nothing_are_none_and_codes_without_a_token_are_refused():
    for assignments in (), ("weighted_after=LAB",), ("after_weight=3",):
        assert weights_after(VOCABULARY, tiny_settings(*assignments).optimisation) is None
    with pytest.raises(ModelError, match="weighted_after names NONE, and vocabulary test has no token for it"):
        weights_after(VOCABULARY, tiny_settings("weighted_after=LAB, NONE", "after_weight=3").optimisation)
    with pytest.raises(ModelError, match=r"after_weight is 0\.0 and has to be above 0"):
        tiny_settings("after_weight=0")


def followed(batch: Batch) -> Batch:
    """Return the batch with what follows each position as its target, as in pre-training."""
    follows = batch.documents[:, :-1] == batch.documents[:, 1:]
    follows &= batch.reading.codes[:, 1:] < len(VOCABULARY)

    def moved(values, shift=0):
        return torch.nn.functional.pad(
            torch.where(follows, values[:, 1:] - shift, NO_TARGET), (0, 1), value=NO_TARGET
        )

    bins = moved(batch.reading.bins, 1)
    return batch._replace(
        next_gaps=torch.where(moved(batch.reading.codes) == NO_TARGET, NO_TARGET, 1),
        next_codes=moved(batch.reading.codes),
        next_bins=torch.where(bins < 0, NO_TARGET, bins),
    )
