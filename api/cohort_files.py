"""The files of a cohort, each with one beside it that says where its rows come from, so that they can be had again.

`labels.parquet.json` lies beside `labels.parquet`; the digests in it also stand in the metadata of the Parquet file.
"""

from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from hashlib import file_digest
from importlib.metadata import version
from pathlib import Path
from typing import Any, Final, Literal

import orjson
import pyarrow as pa
import pyarrow.parquet as pq

from ehr.errors import EhrError
from ehr.tasks import Task, parse_task
from ehr.tasks.identity import definition_hash
from sql.cohort import Cohort, find_cohort, label_table
from sql.cohort.plan import Compat
from sql.cohort.provenance import DataVersion, rows_digest
from sql.cohort.records import Records

Content = Literal["labels", "wide"]
FORMAT: Final = 1
"""Version of the file beside a cohort file."""
_METADATA: Final = b"anamnesis.cohort"
_KEYS: Final = (
    "format",
    "content",
    "endpoint",
    "task",
    "definition",
    "text",
    "compat",
    "rows",
    "rows_digest",
    "data",
)


@dataclass(frozen=True, slots=True)
class Origin:
    """Where the rows of a cohort come from: the text of its task, how it was read, and the version of the data."""

    task: Task
    text: str
    compat: Compat
    engine: str
    data: DataVersion | None


@dataclass(frozen=True, slots=True)
class Check:
    """Whether a cohort file still holds its rows, and whether they can be had again from the data there are now."""

    file: str
    is_untouched: bool
    same_data: bool | None
    same_rows: bool
    rows_then: int
    rows_now: int

    @property
    def is_reproduced(self) -> bool:
        """Whether the file is as it was written and the data give the same rows again."""
        return self.is_untouched and self.same_rows


def write_cohort(cohort: Cohort, path: Path, content: Content, origin: Origin, endpoint: str | None = None) -> None:
    """Write labels or wide rows to `path`, and their origin beside it; raises EhrError when that cannot be done."""
    table = _table(cohort, content, endpoint)
    story = {
        "format": FORMAT,
        "content": content,
        "endpoint": endpoint,
        "task": origin.task.name,
        "definition": definition_hash(origin.task),
        "text": origin.text,
        "compat": origin.compat,
        "engine": origin.engine,
        "data": asdict(origin.data) if origin.data else None,
        "rows": table.num_rows,
        "subjects": len(set(table.column("subject_id").to_pylist())),
        "rows_digest": rows_digest(table),
        "program": f"anamnesis {version('anamnesis')}",
        "made_at": datetime.now(UTC).isoformat(timespec="seconds"),
    }
    short = {key: story[key] for key in ("task", "definition", "data", "rows_digest", "program", "made_at")}
    table = table.replace_schema_metadata({_METADATA: orjson.dumps(short)})
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        pq.write_table(table, path)
        with path.open("rb") as file:
            story["file_sha256"] = file_digest(file, "sha256").hexdigest()
        _beside(path).write_bytes(orjson.dumps(story, option=orjson.OPT_INDENT_2) + b"\n")
    except OSError as error:
        raise EhrError(f"{path} cannot be written: {error.strerror or error}") from error


def read_origin(path: Path) -> dict[str, Any]:
    """Return what lies beside a cohort file; raises EhrError when nothing does, or something else."""
    beside = _beside(path)
    try:
        story = orjson.loads(beside.read_bytes())
    except OSError as error:
        raise EhrError(f"{beside} cannot be read ({error.strerror}); ehr cohort writes it beside {path}") from error
    except orjson.JSONDecodeError as error:
        raise EhrError(f"{beside} is no JSON: {error}") from error
    missing = [key for key in _KEYS if not isinstance(story, dict) or key not in story]
    if missing or story["format"] != FORMAT:
        raise EhrError(f"{beside} does not tell where {path} comes from; ehr cohort writes such a file with --out")
    return dict(story)


def check_cohort(path: Path, story: dict[str, Any], records: Records, data: DataVersion | None) -> Check:
    """Make the rows of a cohort file again from `records` and compare them with what it was written with.

    Raises EhrError when the file cannot be read or its task asks for what the records do not have.
    """
    try:
        with path.open("rb") as file:
            digest = file_digest(file, "sha256").hexdigest()
    except OSError as error:
        raise EhrError(f"{path} cannot be read ({error.strerror})") from error
    task = parse_task(story["text"], story["task"], source=str(_beside(path)))
    cohort = find_cohort(records, task, wide=story["content"] == "wide", compat=story["compat"])
    table = _table(cohort, story["content"], story["endpoint"])
    then = story["data"]
    return Check(
        file=str(path),
        is_untouched=digest == story["file_sha256"],
        same_data=then["digest"] == data.digest if then and data and then["basis"] == data.basis else None,
        same_rows=rows_digest(table) == story["rows_digest"],
        rows_then=story["rows"],
        rows_now=table.num_rows,
    )


def _table(cohort: Cohort, content: Content, endpoint: str | None) -> pa.Table:
    return label_table(cohort, endpoint) if content == "labels" else cohort.rows.to_arrow()


def _beside(path: Path) -> Path:
    return path.with_name(f"{path.name}.json")
