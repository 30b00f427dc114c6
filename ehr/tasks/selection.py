"""Which triggers of a patient count (`triggers:`), and which rows serve as matched controls (`controls:`)."""

from typing import Any, Final

from ehr.tasks.language import Controls, Keep, Selection, Trait
from ehr.tasks.place import Place
from ehr.tasks.scalars import one_of, whole_number

TRIGGER_KEYS: Final = ("keep", "of", "washout", "washed_out", "sample", "seed")
CONTROL_KEYS: Final = ("ratio", "on", "age_band", "seed")
_KEEPS: Final[tuple[Keep, ...]] = ("all", "first", "last", "random")
_TRAITS: Final[tuple[Trait, ...]] = ("age", "sex", "index_year")


def read_selection(place: Place, document: Any) -> Selection:
    """Read `triggers`; raises TaskError naming the key."""
    body = place.mapping({} if document is None else document, TRIGGER_KEYS, "the choice of triggers")
    keep = one_of(place.at("keep"), body.get("keep", "all"), _KEEPS)
    of = one_of(place.at("of"), body.get("of", "eligible"), ("eligible", "all"))
    if "of" in body and keep == "all":
        raise place.at("of").error("says of which triggers one is kept; write keep: first, last or random")
    washout = place.at("washout").span(body["washout"]) if body.get("washout") is not None else None
    if washout is not None and not washout:
        raise place.at("washout").error("lasts no time; write a span such as 365d, or leave it out")
    washed_out = body.get("washed_out")
    if washed_out is not None and washout is None:
        raise place.at("washed_out").error("needs a span of time before the trigger; write washout: 365d")
    rows, share = _sample(place.at("sample"), body.get("sample"))
    return Selection(
        keep=keep,
        eligible=of == "eligible",
        washout=washout,
        washed_out=place.at("washed_out").name(washed_out, "a predicate") if washed_out is not None else None,
        rows=rows,
        share=share,
        seed=_seed(place, body),
    )


def read_controls(place: Place, document: Any) -> Controls | None:
    """Read `controls`, None where there is none; raises TaskError naming the key."""
    if document is None:
        return None
    body = place.mapping(document, CONTROL_KEYS, "the matching of controls")
    on = body.get("on", ["age", "sex"])
    if not isinstance(on, list):
        raise place.at("on").error(f"must be a list of some of {', '.join(_TRAITS)}")
    traits = tuple(one_of(place.at("on"), trait, _TRAITS) for trait in dict.fromkeys(on))
    if "age_band" in body and "age" not in traits:
        raise place.at("age_band").error("says how wide the bands of age are; write age into on")
    return Controls(
        ratio=whole_number(place.at("ratio"), body.get("ratio", 1), 1),
        on=traits,
        age_band=whole_number(place.at("age_band"), body.get("age_band", 5), 1),
        seed=_seed(place, body),
    )


def _sample(place: Place, value: Any) -> tuple[int | None, float | None]:
    """Read a number of rows, or a share such as "10 %"."""
    if value is None:
        return None, None
    if isinstance(value, str) and value.rstrip().endswith("%"):
        try:
            share = float(value.rstrip().removesuffix("%")) / 100
        except ValueError:
            share = 0.0
        if 0 < share <= 1:
            return None, share
        raise place.error(f'{value!r} is no share; write such as "10 %", above 0 and at most 100 %')
    if isinstance(value, bool) or not isinstance(value, int) or value < 1:
        raise place.error(f'{value!r} is no sample; write a number of rows, such as 1000, or a share, such as "10 %"')
    return value, None


def _seed(place: Place, body: dict[Any, Any]) -> int:
    return whole_number(place.at("seed"), body.get("seed", 0), 0)
