"""Tokens back to what they say: the name and range of each, and the events that they tell of."""

import numpy as np
import numpy.typing as npt
import polars as pl

from ehr.tokens import Timelines
from ehr.vocabulary import UNKNOWN, Vocabulary


def readable(vocabulary: Vocabulary, tokens: npt.ArrayLike) -> pl.DataFrame:
    """Return what each token says: token, kind, name, and for a value bin its range [low, high).

    The range is that of the code that stands before the bin; it is null where no code does.
    """
    numbers = np.asarray(tokens, dtype=np.int64)
    kinds = ("special", "quantile", "gap", "age", "level", "code", "family")
    starts = (
        vocabulary.first_quantile,
        vocabulary.first_gap,
        vocabulary.first_age,
        vocabulary.first_level,
        vocabulary.first_code,
        vocabulary.first_family,
    )
    names = pl.DataFrame(
        {"token": range(len(vocabulary)), "name": vocabulary.tokens}, schema_overrides={"token": pl.Int64}
    )
    kind = pl.Series(np.array(kinds)[np.searchsorted(starts, numbers, side="right")], dtype=pl.String)
    frame = pl.DataFrame({"token": numbers, "kind": kind}).join(names, on="token", how="left", maintain_order="left")
    bins = pl.when(kind="quantile").then(pl.col("token") - vocabulary.first_quantile + 1)
    pairs = frame.with_columns(pl.col("name").shift().alias("before"), bins.alias("quantile"))
    ranges = _value_ranges(vocabulary, pairs.filter(kind="quantile").select("before", "quantile").unique())
    return pairs.join(ranges, on=["before", "quantile"], how="left", maintain_order="left").select(
        "token", "kind", "name", "low", "high"
    )


def told_events(timelines: Timelines, vocabulary: Vocabulary) -> pl.DataFrame:
    """Return the events that tokens tell of, one row each, in order of subject and time.

    subject_id, event_id, time (null for static facts); after_low, after_high: the half-open range of the time since
    the event before, by the gap token (null where none stands before with a time, `after_high` also in the interval
    without an end); kind (code, family or unknown), code (null for unknown; a family ends in *); unit, low, high: the
    range [low, high) of the number and the unit that it is in, null where none was told ('' is no unit); age: the
    band, of the events that begin one.
    """
    said = readable(vocabulary, timelines.tokens).with_columns(
        pl.Series("subject_id", np.repeat(timelines.subject_ids, np.diff(timelines.offsets))),
        pl.Series("event_id", timelines.event_ids),
        pl.Series("time", timelines.times),
    )
    is_event = pl.col("kind").is_in(["code", "family"]) | (pl.col("token") == UNKNOWN)
    told = said.with_columns(
        is_event=is_event,
        bin_low=pl.when(pl.col("kind").shift(-1) == "quantile").then(pl.col("low").shift(-1)),
        bin_high=pl.when(pl.col("kind").shift(-1) == "quantile").then(pl.col("high").shift(-1)),
        # The tokens from behind one event up to the next belong to the latter, but for its value bin.
        number=is_event.cum_sum() - is_event,
    )
    gaps = told.filter(kind="gap").select("number", gap="token")
    ages = told.filter(kind="age").select("number", age="name")
    events = told.filter("is_event").join(gaps, on="number", how="left", maintain_order="left")
    events = events.join(ages, on="number", how="left", maintain_order="left")
    follows = (pl.col("subject_id") == pl.col("subject_id").shift()) & pl.col("time").shift().is_not_null()
    return (
        events.with_columns(follows=follows.fill_null(value=False))
        .join(_gap_ranges(vocabulary), on="gap", how="left", nulls_equal=True, maintain_order="left")
        .join(_codes(vocabulary), on="token", how="left", maintain_order="left")
        .select(
            "subject_id",
            "event_id",
            "time",
            after_low=pl.when("follows").then("after_low"),
            after_high=pl.when("follows").then("after_high"),
            kind=pl.when(pl.col("token") == UNKNOWN).then(pl.lit("unknown")).otherwise("kind"),
            code="code",
            unit=pl.when(pl.col("bin_low").is_not_null()).then("unit"),
            low="bin_low",
            high="bin_high",
            age="age",
        )
    )


def _value_ranges(vocabulary: Vocabulary, pairs: pl.DataFrame) -> pl.DataFrame:
    """Return the range of each pair of a code and a bin."""
    known = [(code, number) for code, number in pairs.iter_rows() if code in vocabulary.edges]
    rows = [(code, number, *vocabulary.value_range(code, number)) for code, number in known]
    schema = {"before": pl.String, "quantile": pl.Int64, "low": pl.Float64, "high": pl.Float64}
    return pl.DataFrame(rows, schema=schema, orient="row")


def _gap_ranges(vocabulary: Vocabulary) -> pl.DataFrame:
    """Return the range of each gap token; a null token means less than the shortest gap."""
    starts = [0, *vocabulary.settings.gap_starts, None]
    tokens = [None, *range(vocabulary.first_gap, vocabulary.first_age)]
    return pl.DataFrame(
        {"gap": tokens, "after_low": starts[:-1], "after_high": starts[1:]}, schema_overrides={"gap": pl.Int64}
    ).with_columns(pl.duration(seconds=name).alias(name) for name in ("after_low", "after_high"))


def _codes(vocabulary: Vocabulary) -> pl.DataFrame:
    """Return for each code and family token its code and the unit of its numbers."""
    rows = []
    for token in range(vocabulary.first_code, len(vocabulary)):
        name = vocabulary.tokens[token]
        code = vocabulary.code_of(name)
        unit = vocabulary.other_units[name][1] if name in vocabulary.other_units else vocabulary.units.get(code)
        rows.append((token, code, unit))
    return pl.DataFrame(rows, schema={"token": pl.Int64, "code": pl.String, "unit": pl.String}, orient="row")
