"""Predicates that several task files share: `include: concepts.yaml`.

A file that is included holds `predicates` and, if wanted, a `description`. It is a file beside the task, or a ready
one in the folder `concepts` here. A text that comes from no file, such as a request to the service, may include
ready files only, so that nobody reads files of this machine through it.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path
from typing import Any, Final

from ehr.errors import TaskError
from ehr.tasks.place import Place
from ehr.tasks.yaml12 import YamlError, load_yaml

SUFFIX: Final = ".yaml"
KEYS: Final = ("description", "metadata", "predicates")


@dataclass(frozen=True, slots=True)
class Included:
    """A predicate of an included file as it stands there; `place` names that file and its key."""

    place: Place
    body: Any


def ready_concepts() -> dict[str, Path]:
    """Return the ready files of predicates by name."""
    folder = Path(str(files("ehr.tasks"))) / "concepts"
    return {path.name: path for path in sorted(folder.glob(f"*{SUFFIX}"))}


def read_document(text: str, source: str) -> Any:
    """Read YAML text; raises TaskError naming `source` when it is none."""
    try:
        return load_yaml(text)
    except YamlError as error:
        raise TaskError(f"{source}: is no YAML 1.2: {error}") from error


def read_text(path: Path, what: str) -> str:
    """Return the text of a file; raises TaskError when it cannot be read as `what`."""
    try:
        return path.read_text(encoding="utf-8")
    except OSError as error:
        raise TaskError(f"{path}: cannot be read as {what} ({error.strerror})") from error
    except UnicodeDecodeError as error:
        raise TaskError(f"{path}: is no text in UTF-8; {what} is a YAML file") from error


def included_predicates(
    place: Place, document: Any, own: Mapping[str, Any], folder: Path | None
) -> dict[str, Included]:
    """Return the predicates of the files that `include` names, unread, by name; there are none without the key.

    `own` are the predicates of the task itself and `folder` is that of the task file, None for a text that comes from
    no file. Raises TaskError when a file is missing or wrong, or when two files give one name.
    """
    found: dict[str, Included] = {}
    for name in _names(place, document):
        path = _find(place, name, folder)
        source = str(path)
        root = Place(source)
        content = root.mapping(read_document(read_text(path, "shared predicates"), source), KEYS, "an included file")
        for key, body in root.at("predicates").mapping(content.get("predicates"), None, "the predicates").items():
            here = root.at("predicates").at(str(key))
            if key in own or key in found:
                other = found[key].place.source if key in found else place.source
                raise here.error(f"also stands in {other}; take another name in one of the two files")
            found[key] = Included(here, body)
    return found


def _names(place: Place, document: Any) -> list[str]:
    """Read a file name or a list of them, each once."""
    names = document if isinstance(document, list) else [] if document is None else [document]
    for name in names:
        if not isinstance(name, str) or not name.strip():
            raise place.error(f"{name!r} names no file; write such as concepts.yaml, or a list of file names")
    return list(dict.fromkeys(names))


def _find(place: Place, name: str, folder: Path | None) -> Path:
    """Return the file beside the task, else the ready one of that name."""
    ready = ready_concepts()
    if folder is not None and (folder / name).is_file():
        return folder / name
    if name in ready:
        return ready[name]
    known = ", ".join(ready) or "none"
    if folder is None:
        raise place.error(f"there is no ready file {name!r} of predicates; this text may include only: {known}")
    raise place.error(f"there is no file {name} in {folder}, nor a ready one of that name; ready ones: {known}")
