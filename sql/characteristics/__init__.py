"""What the people of a cohort are like at their prediction time: one table ("table one"), and two cohorts compared.

rows (subject_id, prediction_time) ── measure ──► one value per row and variable ── summary ──► lines of the table
                                                                   ── compare ──► the same for two cohorts, overlap
"""

from sql.characteristics.compare import Comparison, Overlap, compare_cohorts
from sql.characteristics.measure import Characteristics, Variable, characteristics
from sql.characteristics.rows import index_rows, rows_of_file
from sql.characteristics.summary import GROUP, Line, NumberCell, ShareCell, TableOne, table_one

__all__ = [
    "GROUP",
    "Characteristics",
    "Comparison",
    "Line",
    "NumberCell",
    "Overlap",
    "ShareCell",
    "TableOne",
    "Variable",
    "characteristics",
    "compare_cohorts",
    "index_rows",
    "rows_of_file",
    "table_one",
]
