"""Whose training a folder keeps: a mark, so that no other training goes on from its state."""

from collections.abc import Sequence
from hashlib import sha256
from pathlib import Path
from typing import Final

import orjson

from ehr.errors import ModelError
from models.translator.pairs import Pair
from models.translator.settings import TranslatorSettings, as_mapping

_MARK: Final = "training.json"


def claim(folder: Path, pairs: Sequence[Pair], held_out: Sequence[Pair], settings: TranslatorSettings) -> None:
    """Note whose training the folder keeps; raise ModelError when it is another's."""
    content = repr(([*pairs], [*held_out], as_mapping(settings)))
    mark = {"training": sha256(content.encode()).hexdigest()}
    folder.mkdir(parents=True, exist_ok=True)
    file = folder / _MARK
    if file.exists() and orjson.loads(file.read_bytes()) != mark:
        raise ModelError(f"{folder} keeps a training with other pairs or settings; give another folder or empty it")
    file.write_bytes(orjson.dumps(mark))
