"""Reading tests/queries/*.sql: a line `--: name`, then the statement."""

from pathlib import Path

QUERIES = Path(__file__).parents[1] / "queries"


def read_queries(name: str) -> list[tuple[str, str]]:
    """Return the (name, text) of every statement in tests/queries/NAME.sql."""
    parts = (QUERIES / f"{name}.sql").read_text(encoding="utf-8").split("--: ")[1:]
    return [(title.strip(), text.strip()) for title, text in (part.split("\n", 1) for part in parts)]


def read_hostile() -> list[tuple[str, str, str]]:
    """Return the (name, code of the refusal, text) of every statement in hostile.sql: `--: name [CODE]`."""
    found = []
    for title, text in read_queries("hostile"):
        name, _, code = title.removesuffix("]").rpartition(" [")
        found.append((name, code, text))
    return found
