import math

import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from models.data import Batch
from models.events import Reading
from models.wide import SUMMARIES, Wide, summaries

TOKENS = 5
events = st.lists(st.tuples(st.integers(0, 4), st.one_of(st.none(), st.floats(-9, 9, width=32))), max_size=8)


def batch_of(documents):
    """Lay documents (code, value) behind one another, a query at the end of each and padding at the end of all."""
    codes, values, numbers, queries = [], [], [], []
    for number, document in enumerate(documents):
        for code, value in [*document, (TOKENS, None)]:
            codes.append(code)
            values.append(math.nan if value is None else value)
            numbers.append(number)
        queries.append(len(codes) - 1)
    padded = [torch.tensor([[*column, empty]]) for column, empty in ((codes, 0), (values, math.nan), (numbers, -1))]
    none = torch.zeros_like(padded[0])
    reading = Reading(padded[0], none, padded[1].float(), none.double())
    labels = torch.zeros(len(documents))
    return Batch(reading, padded[2], none, none, none, torch.tensor(queries), labels, labels[:, None])


@given(st.lists(events, min_size=1, max_size=4))
@settings(max_examples=60)
def test_summaries_are_those_of_a_plain_loop(documents):
    found = summaries(batch_of(documents), TOKENS)
    assert found.shape == (len(documents), TOKENS, SUMMARIES)
    for number, document in enumerate(documents):
        for code in range(TOKENS):
            own = [value for kind, value in document if kind == code]
            values = [max(-3.0, min(3.0, math.asinh(value))) for value in own if value is not None]
            mean = sum(values) / max(1, len(values))
            last = values[-1] if values else 0.0
            expected = [math.log1p(len(own)) / 2, float(bool(own)), mean]
            expected += [max(values, default=0.0), min(values, default=0.0), last, mean**2, last**2]
            assert torch.allclose(found[number, code], torch.tensor(expected), atol=1e-5)


def test_nothing_is_said_before_anything_is_learnt_and_each_document_by_itself():
    documents = [[(1, 0.5), (2, None)], [(1, -2.0)]]
    wide = Wide(TOKENS, 4, 3)
    assert torch.equal(wide(batch_of(documents)), torch.zeros(2, 3))
    torch.nn.init.normal_(wide.linear.weight)
    torch.nn.init.normal_(wide.outer.weight)
    alone = torch.cat([wide(batch_of([document])) for document in documents])
    assert torch.allclose(wide(batch_of(documents)), alone, atol=1e-6)
