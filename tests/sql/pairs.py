"""Reading tests/queries/*.sql: a line `--: name`, then the statement."""

from pathlib import Path

QUERIES = Path(__file__).parents[1] / "queries"


def read_queries(name: str) -> list[tuple[str, str]]:
    """Return the (name, text) of every statement in tests/queries/NAME.sql."""
    parts = (QUERIES / f"{name}.sql").read_text(encoding="utf-8").split("--: ")[1:]
    return [(title.strip(), text.strip()) for title, text in (part.split("\n", 1) for part in parts)]
