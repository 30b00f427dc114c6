"""A tiny language: ask, kind, perhaps a name, a patient and a window; and questions in it."""

from collections.abc import Collection, Sequence
from itertools import product

from models.translator import END, Pair
from models.translator.settings import TranslatorSettings, settings_from

ASKS = {"count": "how many {kind} are there", "list": "list the {kind}", "exists": "is there any {kind}"}
KINDS = {"lab": "lab tests", "drug": "drugs"}
WINDOWS = {"": "", "this_year": " this year", "since": " since date_1"}
MOST = 3


class Tiny:
    """ASK KIND [KIND slot] [of patient slot] [this_year | since date slot]."""

    def allowed(self, prefix: Sequence[str]) -> Collection[str]:
        """Return what may follow; nothing after the end."""
        whole = tuple(prefix)
        if not whole:
            return set(ASKS)
        if len(whole) == 1:
            return set(KINDS)
        last = whole[-1]
        if last == END or whole.count(END):
            return set()
        if last == "of":
            return slots("patient")
        if last == "since":
            return slots("date")
        out = {END}
        if last == "this_year" or last.startswith("date_"):
            return out
        out |= {"this_year", "since"}
        if not last.startswith("patient_"):
            out.add("of")
        if last in KINDS:
            out |= slots(last)
        return out


def slots(kind: str) -> set[str]:
    """Return the slots of a kind."""
    return {f"{kind}_{number}" for number in range(1, MOST + 1)}


def made_pairs() -> list[Pair]:
    """Return 36 pairs, one for each combination."""
    pairs = []
    for (ask, text), (kind, words), named, (window, when) in product(
        ASKS.items(), KINDS.items(), (False, True), WINDOWS.items()
    ):
        name = f" with {kind}_1" if named else " of patient_1"
        tokens = [ask, kind, *([f"{kind}_1"] if named else ["of", "patient_1"]), *([window] if window else [])]
        tokens += ["date_1"] if window == "since" else []
        pairs.append(Pair(text.format(kind=words) + name + when + "?", tuple(tokens)))
    return pairs


def small(**values: object) -> TranslatorSettings:
    """Return settings that train in a second."""
    return settings_from(
        {"width": 32, "heads": 2, "encoder_layers": 1, "decoder_layers": 1, "buckets": 64, "batch": 6}
        | {"epochs": 40, "dropout": 0.0, "word_dropout": 0.0, "smoothing": 0.0, "averaging": 0.0}
        | {"learning_rate": 0.01, "rarest": 1}
        | values
    )
