"""Tasks as callers of the service name them: a ready task, or the text of a task file."""

from typing import Any

from api.learning import TaskFile, read_task_file, task_file
from ehr.errors import TaskError
from ehr.tasks import ready_tasks


def task_of(request: Any) -> TaskFile:
    """Return the task in the oneof `task` of a request; a caller can name no file of this machine.

    Raises TaskError when it is missing, unknown or wrong.
    """
    match request.WhichOneof("task"):
        case "task_yaml":
            return task_file(request.task_yaml, "task_yaml")
        case "task_name" if request.task_name in ready_tasks():
            return read_task_file(request.task_name)
        case "task_name":
            known = ", ".join(ready_tasks())
            raise TaskError(f"there is no ready task {request.task_name!r}; there are {known}, or send task_yaml")
        case _:
            raise TaskError("the request names no task; set task_name or task_yaml")
