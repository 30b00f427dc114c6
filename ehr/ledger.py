"""What became of the files of an import: counts of records, and the reports made of them."""

from dataclasses import dataclass
from typing import Final

EXCERPT_LENGTH: Final = 200


@dataclass(slots=True)
class Tally:
    """How many records of one type were read and what became of them."""

    rows_in: int = 0
    accepted: int = 0
    rejected: int = 0
    skipped: int = 0

    def add(self, other: "Tally") -> None:
        """Add the counts of `other`."""
        self.rows_in += other.rows_in
        self.accepted += other.accepted
        self.rejected += other.rejected
        self.skipped += other.skipped

    def check(self, what: str) -> None:
        """Raise AssertionError unless every record that was read is accounted for."""
        if self.rows_in != self.accepted + self.rejected + self.skipped:
            raise AssertionError(
                f"{what}: read {self.rows_in}, but accepted {self.accepted}, rejected {self.rejected}, "
                f"skipped {self.skipped}"
            )


@dataclass(frozen=True, slots=True)
class FileReport:
    """What became of one file; `source_id` finds its rows in `reject` and `notice`."""

    source_id: int
    file: str
    status: str
    rows_in: int
    accepted: int
    rejected: int
    skipped: int
    notices: int
    resources: dict[str, Tally]


@dataclass(frozen=True, slots=True)
class ImportReport:
    """What an import did; `unchanged` names the files whose bytes the store had already.

    `events` are those that came, `removed` those that went because their records were replaced or deleted.
    """

    format: str
    files: tuple[FileReport, ...]
    unchanged: tuple[str, ...]
    events: int
    subjects: int
    encounters: int
    removed: int = 0

    @property
    def rejected(self) -> int:
        """Records refused in all files."""
        return sum(file.rejected for file in self.files)

    @property
    def failed(self) -> tuple[str, ...]:
        """Files of which nothing could be read."""
        return tuple(file.file for file in self.files if file.status == "failed")


def shorten(excerpt: str | None) -> str | None:
    """Cut an excerpt to what is needed to find the record again."""
    if excerpt is None or len(excerpt) <= EXCERPT_LENGTH:
        return excerpt
    return excerpt[: EXCERPT_LENGTH - 1] + "…"
