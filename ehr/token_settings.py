"""What can be chosen before a vocabulary is fitted: each is a key of a YAML file and of `ehr tokenize --set`."""

from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, fields
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any, Final

import yaml

from ehr.errors import VocabularyError
from ehr.events import BIRTH, HEADS, head_of
from ehr.hierarchy import LEVEL_SYSTEMS

DEMOGRAPHICS: Final = tuple(
    sorted(name for name, head in HEADS.items() if head.kind == "demographic" and name != BIRTH)
)
"""Heads of the codes that say who a patient is: as a fact without a time, or as told at an admission."""
_GAP_NAMES: Final = (
    "5m-15m", "15m-1h", "1h-2h", "2h-6h", "6h-12h", "12h-1d", "1d-3d", "3d-1w", "1w-2w", "2w-1mt", "1mt-3mt",
    "3mt-6mt", "6mt-1y", "1y-2y", "2y-5y", ">=5y",
)  # fmt: skip
_GAP_STARTS: Final = (
    300, 900, 3600, 7200, 21_600, 43_200, 86_400, 259_200, 604_800, 1_209_600, 2_629_746, 7_889_238, 15_778_476,
    31_556_952, 63_113_904, 157_784_760,
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class TokenSettings:
    """The settings of a vocabulary.

    Time gaps are the logarithmic intervals of ETHOS (Renc et al., npj Digital Medicine 2024), prolonged to years;
    a gap shorter than the first start has no token. Months and years are Gregorian means.
    """

    min_subjects: int = 5
    """Training subjects that a code needs to have a token of its own, and a unit to have value bins of its own."""
    quantiles: int = 10
    """Value bins per code and unit; 0 leaves values out."""
    gap_names: tuple[str, ...] = _GAP_NAMES
    gap_starts: tuple[int, ...] = _GAP_STARTS
    """First second of each interval; it ends where the next begins."""
    age_years: int = 5
    """Width of an age band; 0 leaves ages out."""
    age_top: int = 90
    """First age of the open band at the top."""
    levels: tuple[str, ...] = LEVEL_SYSTEMS
    """Code systems whose codes have tokens of their levels before them: chapter and block, levels of ATC."""
    demographics: tuple[str, ...] = DEMOGRAPHICS
    """Heads of demographic facts that are read; the others are left out of timelines, as if nobody had told them."""
    until: str = ""
    """A vocabulary counts nothing that happened after this time (ISO 8601); empty for no bound."""

    def __post_init__(self) -> None:
        """Raise VocabularyError when the settings contradict themselves."""
        if self.min_subjects < 1 or not 0 <= self.quantiles <= 100 or self.age_years < 0 or self.age_top < 1:
            raise VocabularyError(
                "min_subjects and age_top must be at least 1, quantiles 0 to 100, age_years at least 0"
            )
        if len(self.gap_names) != len(self.gap_starts) or sorted(set(self.gap_starts)) != list(self.gap_starts):
            raise VocabularyError("gap_names and gap_starts must have one length and gap_starts must rise")
        if min(self.gap_starts, default=1) < 1 or len(set(self.gap_names)) != len(self.gap_names):
            raise VocabularyError("gap_starts must begin at 1 second or later and gap_names must differ")
        if self.until and self.until_time is None:
            raise VocabularyError(f"until is {self.until!r} and has to be a time such as 2019-01-01T12:00")
        for key, chosen, known in (
            ("levels", self.levels, LEVEL_SYSTEMS),
            ("demographics", self.demographics, DEMOGRAPHICS),
        ):
            unknown = [name for name in chosen if name not in known]
            if unknown:
                raise VocabularyError(f"{key} must be of {', '.join(known)}, and {unknown[0]!r} is none of them")

    @property
    def left_out(self) -> tuple[str, ...]:
        """Heads of the events that timelines leave out."""
        return tuple(head for head in DEMOGRAPHICS if head not in self.demographics)

    @property
    def until_time(self) -> datetime | None:
        """The time (UTC) after which nothing is counted, or None."""
        try:
            found = datetime.fromisoformat(self.until) if self.until else None
        except ValueError:
            return None
        return found.astimezone(UTC).replace(tzinfo=None) if found and found.tzinfo else found

    def as_mapping(self) -> dict[str, Any]:
        """Return plain values; a vocabulary of all times has no `until`."""
        values = asdict(self)
        return values if self.until else {key: value for key, value in values.items() if key != "until"}

    def reads(self, code: str) -> bool:
        """Say whether events with this code are read at all."""
        return head_of(code) not in self.left_out


_KINDS: Final[dict[str, type]] = {
    field.name: field.type if isinstance(field.type, type) else tuple for field in fields(TokenSettings)
}


def read_token_settings(config: Path | None = None, assignments: Iterable[str] = ()) -> dict[str, Any]:
    """Return the settings that a YAML file names, and assignments such as `quantiles=4` over them.

    What is left out keeps its default: `TokenSettings(**read_token_settings(...))`. Lists are written as in YAML:
    `levels=[ATC]`. Raises VocabularyError for an unknown key, naming the valid ones, and for a value of another type.
    """
    given: dict[str, Any] = dict(_read_yaml(config)) if config is not None else {}
    for assignment in assignments:
        key, equals, value = assignment.partition("=")
        if not equals:
            raise VocabularyError(f"--set {assignment}: write it as key=value")
        try:
            given[key.strip()] = yaml.safe_load(value)
        except yaml.YAMLError as error:
            raise VocabularyError(f"--set {assignment}: the value is not understood; write it as in YAML") from error
    return {key: _typed(key, value) for key, value in given.items()}


def _read_yaml(path: Path) -> Mapping[str, Any]:
    try:
        content = yaml.safe_load(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        raise VocabularyError(f"the settings in {path} cannot be read: {str(error).splitlines()[0]}") from error
    if content is None:
        return {}
    if not isinstance(content, dict):
        raise VocabularyError(f"{path} holds no mapping of settings; write lines such as 'quantiles: 4'")
    return content


def _typed(key: str, value: Any) -> Any:
    """Return the value as the setting has it; raises VocabularyError for another type."""
    if key not in _KINDS:
        raise VocabularyError(f"there is no setting {key!r}; the settings are {', '.join(sorted(_KINDS))}")
    if _KINDS[key] is int and type(value) is int:
        return value
    if _KINDS[key] is str and isinstance(value, str | date):
        return value if isinstance(value, str) else value.isoformat()
    wanted = int if key == "gap_starts" else str
    if _KINDS[key] is tuple and isinstance(value, list) and all(type(one) is wanted for one in value):
        return tuple(value)
    if _KINDS[key] is str:
        raise VocabularyError(f"setting {key} is {value!r} and has to be a time such as 2019-01-01")
    what = "a whole number" if _KINDS[key] is int else f"a list such as [{'300, 3600' if wanted is int else 'A, B'}]"
    raise VocabularyError(f"setting {key} is {value!r} and has to be {what}")
