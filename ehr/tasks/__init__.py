"""Tasks: the language that says whom a question is about and what is to be foreseen, and ready task files."""

from importlib.resources import files
from pathlib import Path

from ehr.errors import TaskError
from ehr.tasks.include import ready_concepts
from ehr.tasks.language import (
    ANY_EVENT,
    BUILT_IN,
    RECORD_END,
    RECORD_START,
    TRIGGER,
    Change,
    Composed,
    Controls,
    Derived,
    Endpoint,
    Has,
    Kind,
    Level,
    Near,
    Part,
    Per,
    Plain,
    Predicate,
    Scalar,
    Score,
    Seek,
    Selection,
    Shift,
    Side,
    Step,
    Task,
    ValueRange,
    Who,
    Window,
)
from ehr.tasks.reader import parse_task, read_task, self_contained, task_text

__all__ = [
    "ANY_EVENT",
    "BUILT_IN",
    "RECORD_END",
    "RECORD_START",
    "TRIGGER",
    "Change",
    "Composed",
    "Controls",
    "Derived",
    "Endpoint",
    "Has",
    "Kind",
    "Level",
    "Near",
    "Part",
    "Per",
    "Plain",
    "Predicate",
    "Scalar",
    "Score",
    "Seek",
    "Selection",
    "Shift",
    "Side",
    "Step",
    "Task",
    "ValueRange",
    "Who",
    "Window",
    "find_task",
    "parse_task",
    "read_task",
    "ready_concepts",
    "ready_tasks",
    "self_contained",
    "task_text",
]


def ready_tasks() -> dict[str, Path]:
    """Return the files of the ready tasks by name."""
    folder = Path(str(files("ehr.tasks")))
    return {path.stem: path for path in sorted(folder.glob("*.yaml"))}


def find_task(name_or_path: str) -> Path:
    """Return the file of a ready task, or the path itself; raises TaskError when there is neither."""
    ready = ready_tasks()
    if name_or_path in ready:
        return ready[name_or_path]
    if Path(name_or_path).is_file():
        return Path(name_or_path)
    raise TaskError(
        f"there is no task file {name_or_path}; give a path, or one of the ready tasks: {', '.join(ready)}"
    )
