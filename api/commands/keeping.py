"""`ehr delete` and `ehr compact`: take a patient out of the store, and write the store anew."""

import argparse
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from rich.console import Console

    from ehr.compaction import Compacted
    from ehr.deletion import Deleted


def register(commands: Any, parents: list[argparse.ArgumentParser]) -> None:
    """Add the parsers of this module."""
    delete = commands.add_parser(
        "delete",
        parents=parents,
        help="delete a patient: every record goes, and no import brings them back",
        description="Delete a patient from the store: events, stays, timelines, record versions, and what refused "
        "records say of them. A tombstone stays, so that later imports refuse their records. There is no undo.",
    )
    delete.add_argument("--subject", required=True, metavar="SUBJECT", help="subject_id or original identifier")
    delete.add_argument("--yes", action="store_true", help="do not ask")
    delete.add_argument(
        "--lift", action="store_true", help="lift an earlier deletion instead: new exports are taken in again"
    )
    delete.set_defaults(run=run_delete)

    compact = commands.add_parser(
        "compact",
        parents=parents,
        help="write the store anew: in order, and without what was deleted",
        description="Write the database anew, by patient and time, and without the bytes of what was deleted. "
        "Until the last step the store stays as it is.",
    )
    compact.set_defaults(run=run_compact)


def run_delete(args: argparse.Namespace) -> int:
    """Delete a patient, or lift a deletion."""
    from api.console import emit
    from ehr.audit import audited
    from ehr.deletion import delete_subject, lift_deletion
    from ehr.store import open_store, opened

    with opened(open_store(args.store, writable=True)) as store:
        if args.lift:
            with audited(store, "lift deletion", args.subject, role="admin"):
                subject_id = lift_deletion(store, args.subject)
            emit(args, {"subject_id": subject_id, "lifted": True}, lambda console: _render_lift(console, subject_id))
            return 0
        if not (args.yes or _agreed(args.subject)):
            print("Nothing was deleted.")
            return 1
        with audited(store, "delete", args.subject, role="admin") as entry:
            deleted = delete_subject(store, args.subject)
            entry.rows = deleted.events
        has_models = store.models.is_dir() and any(store.models.iterdir())
    payload = {**asdict(deleted), "models_may_remember": has_models}
    emit(args, payload, lambda console: _render_deleted(console, deleted, has_models=has_models))
    return 0


def run_compact(args: argparse.Namespace) -> int:
    """Write the store anew."""
    from api.console import emit, progress_bar
    from ehr.compaction import compact_store

    with progress_bar("Compacting") as progress:
        compacted = compact_store(args.store, progress)
    emit(args, asdict(compacted), lambda console: _render_compacted(console, compacted))
    return 0


def _agreed(subject: str) -> bool:
    """Ask the person at the terminal; without one the answer is no."""
    import sys

    from ehr.errors import EhrError

    if not sys.stdin.isatty():
        raise EhrError(f"deleting patient {subject} cannot be undone; say --yes where nobody can be asked")
    return input(f"Delete everything of patient {subject} from the store? This cannot be undone. [yes/NO] ") == "yes"


def _render_deleted(console: "Console", deleted: "Deleted", *, has_models: bool) -> None:
    console.print(
        f"Patient {deleted.subject_id} is deleted: {deleted.events:,} events and {deleted.encounters:,} stays. "
        "Later imports refuse their records. 'ehr compact' takes the last bytes out of the file."
    )
    if deleted.excerpts:
        console.print(f"{deleted.excerpts:,} remarks of the ledger named the patient and no longer do.")
    if has_models:
        console.print(
            "Models in this store may have been trained on this patient; train them anew where that matters.",
            style="yellow",
        )


def _render_lift(console: "Console", subject_id: int) -> None:
    console.print(f"Imports take in patient {subject_id} again. Files that were read before stay unread.")


def _render_compacted(console: "Console", compacted: "Compacted") -> None:
    before, after = compacted.before / 2**20, compacted.after / 2**20
    console.print(f"The store is written anew: {before:,.1f} MiB before, {after:,.1f} MiB now.")
