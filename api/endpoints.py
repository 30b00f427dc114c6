"""The flags that let a language model read questions, the endpoint that they give and the translator on a store."""

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from sql.text.endpoint import Endpoint
    from sql.text.translator import Translator


def add_endpoint_flags(parser: argparse.ArgumentParser) -> None:
    """Add the flags of an OpenAI-compatible endpoint; the environment and a file may say the same."""
    flags = parser.add_argument_group(
        "a language model in place of the grammar or of a trained translator",
        "Questions, and the names of the concepts in them, are sent to the host named; rows of patients never are.",
    )
    flags.add_argument(
        "--endpoint", type=Path, metavar="FILE", help="YAML with url, model, ... (default: $ANAMNESIS_ENDPOINT)"
    )
    flags.add_argument(
        "--endpoint-url", metavar="URL", help="base, such as https://host/v1 (default: $ANAMNESIS_ENDPOINT_URL)"
    )
    flags.add_argument("--endpoint-model", metavar="NAME", help="its model (default: $ANAMNESIS_ENDPOINT_MODEL)")
    flags.add_argument(
        "--endpoint-key-file", metavar="FILE", help="file that holds the key (default: $ANAMNESIS_ENDPOINT_KEY)"
    )
    flags.add_argument(
        "--endpoint-sql",
        action="store_true",
        default=None,
        help="let the model write SQL, through the guard, where no typed question says it",
    )
    flags.add_argument("--no-endpoint", action="store_true", help="send nothing anywhere, whatever is configured")


def endpoint_of(args: argparse.Namespace) -> "Endpoint | None":
    """Return the endpoint that flags, environment or file name; None where none is, or none may be used.

    Raises EndpointError for a configuration that is wrong.
    """
    if args.no_endpoint:
        return None
    from sql.text.endpoint import read_endpoint

    overrides = {
        "url": args.endpoint_url,
        "model": args.endpoint_model,
        "key_file": args.endpoint_key_file,
        "sql": args.endpoint_sql,
    }
    return read_endpoint(args.endpoint, overrides)


def translator_of(args: argparse.Namespace) -> "Translator":
    """Return who reads questions on a store: the model of `endpoint_of`, and else the grammar."""
    from sql.text.translator import by_grammar

    endpoint = endpoint_of(args)
    if endpoint is None:
        return by_grammar
    from sql.text.endpoint import LanguageModel

    return LanguageModel(endpoint)
