"""What is said of SQL that a language model wrote, where no typed question says what is counted."""

from sql.disclosure import MIN_SUBJECTS
from sql.query import Result


def reading_of_sql(by: str) -> str:
    """Say what stands behind an answer that was not made from a typed question."""
    return (
        f"SQL written by the language model {by}. It was not made from a typed question, so nothing here says "
        "in other words what it counts: read it before you use the answer."
    )


def sentence_of_rows(result: Result) -> str:
    """Say the result of such SQL: its only value, or how many rows there are."""
    table = result.table
    if table.num_rows == 1 and table.num_columns == 1:
        value = table.column(0)[0].as_py()
        if value is None and result.notes:
            return f"too few patients to be told: fewer than {MIN_SUBJECTS}, or all but fewer"
        return f"{table.column_names[0]}: {'nothing' if value is None else value}"
    more = "more than " if result.truncated else ""
    return f"{more}{table.num_rows:,} row{'' if table.num_rows == 1 else 's'}"
