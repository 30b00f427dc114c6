"""A blend is no worse than its parts where it was fitted, and falls back to their mean without evidence."""

import numpy as np
import numpy.typing as npt
import orjson
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.special import expit, logit

from ehr.errors import ModelError
from models.baselines.material import log_loss
from models.blend import blend_frames, blend_from, fit_blend
from tests.ehr.made import START

Floats = npt.NDArray[np.float64]


def drawn(n: int = 4000, seed: int = 0) -> tuple[dict[str, Floats], Floats]:
    """Return a good, a noisy and an overconfident estimator of the same outcomes."""
    rng = np.random.default_rng(seed)
    true = rng.normal(-1, 1.5, n)
    outcome = (rng.random(n) < expit(true)).astype(float)
    good, noisy = true + rng.normal(0, 0.7, n), true + rng.normal(0, 2, n)
    return {"good": expit(good), "noisy": expit(noisy), "sure": expit(3 * (true + rng.normal(0, 0.7, n)))}, outcome


def test_it_beats_its_parts_on_other_rows() -> None:
    risks, outcome = drawn()
    blend = fit_blend(risks, outcome)
    fresh, later = drawn(seed=1)
    loss = log_loss(blend.logits(fresh), later)
    assert all(loss < log_loss(logit(risk), later) for risk in fresh.values())
    assert blend.weights["noisy"] < blend.weights["good"]
    assert sum(blend.weights.values()) == pytest.approx(1)
    assert blend_from(orjson.loads(orjson.dumps(blend.as_mapping()))) == blend


def test_alike_estimators_have_equal_weights_and_a_handful_of_rows_moves_little() -> None:
    same = np.array([0.2, 0.3, 0.25, 0.8, 0.4, 0.1])
    blend = fit_blend({"a": same, "b": same}, np.array([0.0, 0, 0, 1, 0, 0]))
    assert blend.weights["a"] == pytest.approx(0.5, abs=1e-3)
    assert 0.5 < blend.slope < 2
    assert abs(blend.intercept) < 1.5


@settings(max_examples=10, deadline=None)
@given(st.integers(0, 1000), st.permutations(["good", "noisy", "sure"]))
def test_the_order_of_the_estimators_does_not_matter(seed: int, order: list[str]) -> None:
    risks, outcome = drawn(200, seed)
    one, two = fit_blend(risks, outcome), fit_blend({name: risks[name] for name in order}, outcome)
    np.testing.assert_allclose(one.logits(risks), two.logits(risks), atol=1e-2)


def test_frames_are_blended_where_all_of_them_speak() -> None:
    risks, outcome = drawn(50)
    blend = fit_blend(risks, outcome)
    keys = pl.DataFrame({"subject_id": range(50), "prediction_time": [START] * 50})
    frames = {
        name: keys.with_columns(risk=pl.Series(risk), low=pl.Series(risk * 0.9), high=pl.Series(risk * 0.5 + 0.5))
        for name, risk in risks.items()
    }
    whole = blend_frames(blend, frames)
    np.testing.assert_allclose(whole["risk"], expit(blend.logits(risks)))
    assert (whole["low"] <= whole["risk"]).all()
    assert (whole["risk"] <= whole["high"]).all()
    silent = pl.when(pl.col("subject_id") < 10).then(None).otherwise(pl.col("risk"))
    frames["good"] = frames["good"].with_columns(risk=silent, low=pl.lit(None, dtype=pl.Float64)).reverse()
    partial = blend_frames(blend, frames)
    assert partial["subject_id"].sort().to_list() == list(range(10, 50))
    assert partial["low"].null_count() == 40, "an estimator without an interval leaves the blend without one"


def test_what_cannot_be_blended_is_refused() -> None:
    with pytest.raises(ModelError, match="one outcome only"):
        fit_blend({"a": np.array([0.1, 0.2])}, np.zeros(2))
    with pytest.raises(ModelError, match="at least one estimator"):
        fit_blend({}, np.array([0.0, 1.0]))
