"""A translator on disk.

FOLDER/weights.pt         the parameters of members and reteller in half precision, read with weights_only
FOLDER/translator.json    everything else; written last, so a folder without it is an unfinished training
"""

from hashlib import sha256
from pathlib import Path
from typing import Any, Final

import orjson
import torch
from torch import Tensor

from ehr.errors import ModelError
from models.translator.batches import Outputs
from models.translator.grammar import Grammar
from models.translator.network import Network
from models.translator.retelling import Reteller
from models.translator.settings import as_mapping, settings_from
from models.translator.translator import Translator
from models.translator.words import Lexicon

WEIGHTS_FILE: Final = "weights.pt"
TRANSLATOR_FILE: Final = "translator.json"
FORMAT: Final = 2
"""Version of translator.json."""


def save(folder: Path, translator: Translator) -> None:
    """Write a translator into a folder; it counts as finished once translator.json is there."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / TRANSLATOR_FILE).unlink(missing_ok=True)
    reteller = translator.reteller
    weights = {
        "members": [_halves(network) for network in translator.networks],
        "reteller": None if reteller is None else _halves(reteller.network),
    }
    torch.save(weights, folder / WEIGHTS_FILE)
    content = {
        "format": FORMAT,
        "weights_sha256": _hash(folder / WEIGHTS_FILE),
        "settings": as_mapping(translator.settings),
        "words": translator.lexicon.words,
        "kinds": translator.lexicon.kinds,
        "tokens": translator.outputs.tokens,
        "proof": translator.proof,
        "parameters": translator.parameters,
        "report": translator.report,
        "reteller": None if reteller is None else _described(reteller),
    }
    (folder / TRANSLATOR_FILE).write_bytes(orjson.dumps(content, option=orjson.OPT_INDENT_2))


def load(folder: Path, grammar: Grammar) -> Translator:
    """Read a translator and bind it by a grammar.

    Raises ModelError when there is none, when it is unfinished, damaged or of another version, and when it does not
    fit the grammar.
    """
    content = _content(folder)
    if content["weights_sha256"] != _hash(folder / WEIGHTS_FILE):
        raise ModelError(f"{folder / WEIGHTS_FILE} is damaged or of another training; train the translator again")
    settings = settings_from(content["settings"])
    lexicon = Lexicon(tuple(content["words"]), tuple(content["kinds"]), settings.shape)
    outputs = Outputs(tuple(content["tokens"]))
    weights = torch.load(folder / WEIGHTS_FILE, map_location="cpu", weights_only=True)
    networks = tuple(_network(state, lexicon, outputs) for state in weights["members"])
    reteller = None if content["reteller"] is None else _reteller(content["reteller"], weights["reteller"])
    proof = tuple(tuple(tokens) for tokens in content["proof"])
    found = Translator(settings, lexicon, outputs, networks, grammar, proof, content["report"], reteller)
    return found.with_grammar(grammar)


def _halves(network: Network) -> dict[str, Tensor]:
    return {key: value.half() for key, value in network.state_dict().items()}


def _network(state: dict[str, Tensor], lexicon: Lexicon, outputs: Outputs) -> Network:
    network = Network(lexicon.shape, lexicon.rows, len(outputs))
    network.load_state_dict({key: value.float() for key, value in state.items()})
    return network.eval()


def _described(reteller: Reteller) -> dict[str, Any]:
    return {
        "settings": as_mapping(reteller.settings),
        "words": reteller.lexicon.words,
        "kinds": reteller.lexicon.kinds,
        "tokens": reteller.outputs.tokens,
        "report": reteller.report,
    }


def _reteller(content: dict[str, Any], state: dict[str, Tensor]) -> Reteller:
    settings = settings_from(content["settings"])
    lexicon = Lexicon(tuple(content["words"]), tuple(content["kinds"]), settings.shape)
    outputs = Outputs(tuple(content["tokens"]))
    return Reteller(settings, lexicon, outputs, _network(state, lexicon, outputs), content["report"])


def _content(folder: Path) -> dict[str, Any]:
    file = folder / TRANSLATOR_FILE
    if not file.exists() or not (folder / WEIGHTS_FILE).exists():
        raise ModelError(f"there is no finished translator in {folder}; train one")
    try:
        content = orjson.loads(file.read_bytes())
    except orjson.JSONDecodeError as error:
        raise ModelError(f"{file} cannot be read: {error}; train the translator again") from error
    if not isinstance(content, dict) or content.get("format") != FORMAT:
        raise ModelError(f"{file} is not of version {FORMAT} of this format; train the translator again")
    return content


def _hash(file: Path) -> str:
    return sha256(file.read_bytes()).hexdigest()
