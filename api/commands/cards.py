"""`ehr model list` and `ehr model card`: which models there are, and what one of them is."""

import argparse
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ehr.errors import ModelError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rich.console import Console

    from models.checkpoint import ModelSummary


def register(commands: Any, parents: list[argparse.ArgumentParser]) -> None:
    """Add the parser of this module."""
    model = commands.add_parser("model", parents=parents, help="list trained models, or write the card of one")
    actions = model.add_subparsers(title="actions", metavar="ACTION", required=True)
    listing = actions.add_parser("list", parents=parents, help="name, task and size of every model")
    listing.set_defaults(run=run_list)
    card = actions.add_parser(
        "card",
        parents=parents,
        help="the model card, under the headings of MI-CLAIM-GEN and TRIPOD+AI",
        description="Prints the model card in Markdown. With --report it has the figures of that evaluation, which "
        "'ehr evaluate' writes beside the report by itself; without it, what the model alone tells.",
    )
    card.add_argument("name", metavar="NAME", help="a trained model")
    card.add_argument("--version", type=int, metavar="N", help="version of the model (default: the newest)")
    card.add_argument("--report", type=Path, metavar="DIR", help="folder that 'ehr evaluate --out' wrote for it")
    card.add_argument("--out", type=Path, metavar="DIR", help="write model_card.md into this folder instead")
    card.set_defaults(run=run_card)


def run_list(args: argparse.Namespace) -> int:
    """Print the models of the store."""
    from api.console import emit
    from ehr.store import open_store, opened
    from models.checkpoint import list_models, unreadable_models

    with opened(open_store(args.store)) as store:
        found, left_out = list_models(store.models), unreadable_models(store.models)

    def render(console: "Console") -> None:
        _render_list(console, found)
        for name, problem in left_out.items():
            console.print(f"left out: {name}: {problem}", highlight=False, markup=False)

    emit(args, [asdict(model) for model in found], render)
    return 0


def run_card(args: argparse.Namespace) -> int:
    """Print or write the card of a model."""
    from api.console import emit
    from api.evaluation import about_model
    from ehr.store import open_store, opened
    from models.checkpoint import find_model, load_model
    from models.report import model_card, write_card

    with opened(open_store(args.store)) as store:
        folder = find_model(store.models, args.name, args.version)
    about = about_model(load_model(folder), folder)
    metrics = {**about, **_metrics(args.report, about["model"])} if args.report else about
    path = write_card(args.out, metrics) if args.out else None
    payload = {"model": about["model"], "card": model_card(metrics), "path": str(path) if path else None}
    emit(args, payload, lambda console: console.out(path or payload["card"], highlight=False))
    return 0


def _metrics(folder: Path, identity: dict[str, Any]) -> dict[str, Any]:
    """Return the metrics in a folder of a report; raises ModelError when they are not there or of another model."""
    import orjson

    from models.report import METRICS_FILE

    path = folder / METRICS_FILE
    try:
        metrics = orjson.loads(path.read_bytes())
    except OSError as error:
        raise ModelError(
            f"{path} cannot be read: {error.strerror or error}; name the folder that 'ehr evaluate --out' wrote"
        ) from error
    except orjson.JSONDecodeError as error:
        raise ModelError(f"{path} is damaged; evaluate the model anew") from error
    of = metrics.get("model") if isinstance(metrics, dict) else None
    if not isinstance(of, dict) or any(of.get(key) != identity[key] for key in ("model", "version", "created_at")):
        raise ModelError(
            f"{path} is not of model {identity['model']} version {identity['version']} of {identity['created_at']}; "
            "name the folder of its own report"
        )
    return dict(metrics)


def _render_list(console: "Console", models: "Sequence[ModelSummary]") -> None:
    from rich.table import Table
    from rich.text import Text

    if not models:
        console.print("there is no finished model; train one with 'ehr train --model NAME'", markup=False)
        return
    table = Table(box=None)
    for column in ("model", "version", "task", "made", "vocabulary", "parameters", "on disk"):
        numeric = column in ("version", "parameters", "on disk")
        table.add_column(column, justify="right" if numeric else "left")
    for model in models:
        made = f"{model.created_at:%Y-%m-%d %H:%M}"
        names = (model.name, str(model.version), model.task or "", made, model.vocabulary)
        sizes = (f"{model.parameters:,}", f"{model.bytes / 1e6:.1f} MB")
        table.add_row(*map(Text, (*names, *sizes)))
    console.print(table)
