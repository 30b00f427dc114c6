"""`ehr tokenize`: fit a vocabulary on the training subjects and write the timelines of all."""

import argparse
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from rich.console import Console

    from ehr.store import Store
    from ehr.vocabulary import Vocabulary


def register(commands: Any, parents: list[argparse.ArgumentParser]) -> None:
    """Add the parser of this module."""
    parser = commands.add_parser(
        "tokenize",
        parents=parents,
        help="turn events into the tokens that models read",
        description="Fits a vocabulary on the training subjects, once, and writes the timelines of all subjects. "
        "Later calls keep the vocabulary and bring the timelines up to date. docs/tokens.md lists the settings.",
    )
    parser.add_argument("--vocabulary", metavar="NAME", default="default", help="name of the vocabulary (default)")
    parser.add_argument("--refit", action="store_true", help="fit the vocabulary anew; models of the old one end")
    parser.add_argument(
        "--min-subjects", type=int, metavar="N", help="training subjects that a code needs for a token of its own (5)"
    )
    parser.add_argument("--quantiles", type=int, metavar="N", help="value bins per code (10)")
    parser.add_argument("--age-years", type=int, metavar="N", help="width of an age band in years, 0 for none (5)")
    parser.add_argument(
        "--until", metavar="TIME", help="count only what happened up to this time, for 'ehr train --until'"
    )
    parser.add_argument("--config", type=Path, metavar="FILE", help="settings of the vocabulary in YAML")
    parser.add_argument(
        "--set",
        dest="settings",
        metavar="KEY=VALUE",
        action="append",
        default=[],
        help="one setting, such as levels=[ATC] (repeatable)",
    )
    parser.set_defaults(run=run_tokenize)


def run_tokenize(args: argparse.Namespace) -> int:
    """Fit or take the vocabulary, bring the timelines up to date and print what came out."""
    from dataclasses import asdict
    from time import perf_counter

    from api.console import emit, progress_bar
    from ehr.store import open_store, opened, require_subjects
    from ehr.timelines import tokenize_store
    from ehr.tokens import coverage

    with opened(open_store(args.store, writable=True)) as store:
        require_subjects(store)
        begin = perf_counter()
        vocabulary, is_new = _vocabulary(args, store)
        fitted = perf_counter()
        with progress_bar("tokenising") as progress:
            report = tokenize_store(store, vocabulary, progress)
        written = perf_counter()
        read = coverage(store.cursor(), vocabulary)
    payload = {
        "vocabulary": vocabulary.name,
        "hash": vocabulary.hash,
        "fitted_now": is_new,
        "vocabulary_size": len(vocabulary),
        "codes": len(vocabulary.codes),
        "families": len(vocabulary.families),
        "levels": len(vocabulary.level_tokens),
        "codes_with_values": len(vocabulary.edges),
        "other_units": len(vocabulary.other_units),
        "settings": asdict(vocabulary.settings),
        **asdict(report),
        "tokens_per_subject": report.tokens / report.subjects if report.subjects else None,
        "coverage": {
            split: {**asdict(counts), "unseen_rate": counts.unseen, "numbers_unread_rate": counts.numbers_without_bin}
            for split, counts in read.items()
        },
        "seconds_fit": fitted - begin,
        "seconds_tokenize": written - fitted,
    }
    emit(args, payload, lambda console: _render(console, payload))
    return 0


def _vocabulary(args: argparse.Namespace, store: "Store") -> "tuple[Vocabulary, bool]":
    """Return the vocabulary of that name and whether it was fitted now; a stored one stays as it is."""
    from dataclasses import replace

    from ehr.errors import VocabularyError
    from ehr.fitting import fit_vocabulary
    from ehr.token_settings import TokenSettings, read_token_settings
    from ehr.vocabulary import has_vocabulary, load_vocabulary

    short = {name: getattr(args, name) for name in ("min_subjects", "quantiles", "age_years", "until")}
    given = read_token_settings(args.config, args.settings)
    given |= {name: value for name, value in short.items() if value is not None}
    if args.refit or not has_vocabulary(store, args.vocabulary):
        return fit_vocabulary(store, args.vocabulary, TokenSettings(**given)), True
    vocabulary = load_vocabulary(store, args.vocabulary)
    if replace(vocabulary.settings, **given) != vocabulary.settings:
        other = sorted(name for name, value in given.items() if getattr(vocabulary.settings, name) != value)
        raise VocabularyError(
            f"vocabulary {args.vocabulary!r} was fitted with other settings ({', '.join(other)}); name another one, "
            "or add --refit, which ends the models that were trained on it"
        )
    return vocabulary, False


def _render(console: "Console", payload: dict[str, Any]) -> None:
    """Print the report for a person."""
    from rich.table import Table

    made = "fitted on the training subjects" if payload["fitted_now"] else "kept as it was fitted"
    console.print(f"vocabulary [bold]{payload['vocabulary']}[/] {made}, hash {payload['hash'][:12]}")
    console.print(
        f"  {payload['vocabulary_size']:,} tokens: {payload['codes']:,} codes ({payload['codes_with_values']:,} with "
        f"value bins, {payload['other_units']:,} for another unit), {payload['families']:,} families of rarer codes, "
        f"{payload['levels']:,} levels above codes"
    )
    if until := payload["settings"]["until"]:
        console.print(f"  counted up to {until}")
    per_subject = payload["tokens_per_subject"] or 0
    console.print(
        f"{payload['events']:,} events of {payload['subjects']:,} subjects are {payload['tokens']:,} tokens, "
        f"{per_subject:,.0f} per subject, at most {payload['longest']:,}"
    )
    refreshed, seconds = payload["refreshed"], payload["seconds_tokenize"]
    console.print(
        f"  {refreshed:,} timelines written in {seconds:.2f} s; vocabulary in {payload['seconds_fit']:.2f} s"
    )
    table = Table("split", box=None)
    for column in ("events", "own token", "read as family", "unknown", "without own token", "numbers without bin"):
        table.add_column(column, justify="right")
    for split, counts in payload["coverage"].items():
        cells = (f"{counts[name]:,}" for name in ("events", "own", "family", "unknown"))
        table.add_row(split, *cells, _percent(counts["unseen_rate"]), _percent(counts["numbers_unread_rate"]))
    console.print(table)


def _percent(rate: float | None) -> str:
    return "" if rate is None else f"{rate:.2%}"
