"""The flags that let a language model stand in for the grammar, and the translator that they give."""

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from sql.text.translator import Translator


def add_endpoint_flags(parser: argparse.ArgumentParser) -> None:
    """Add the flags of an OpenAI-compatible endpoint; the environment and a file may say the same."""
    flags = parser.add_argument_group(
        "a language model in place of the grammar",
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


def translator_of(args: argparse.Namespace) -> "Translator":
    """Return who reads questions: the model that flags, environment or file name, and else the grammar.

    Raises EndpointError for a configuration that is wrong.
    """
    from sql.text.translator import by_grammar

    if args.no_endpoint:
        return by_grammar
    from sql.text.endpoint import LanguageModel, read_endpoint

    overrides = {
        "url": args.endpoint_url,
        "model": args.endpoint_model,
        "key_file": args.endpoint_key_file,
        "sql": args.endpoint_sql,
    }
    endpoint = read_endpoint(args.endpoint, overrides)
    return by_grammar if endpoint is None else LanguageModel(endpoint)
