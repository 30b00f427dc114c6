"""The leakage audit: whether the inputs of a task tell its labels by a way that is not there at the bedside.

findings    the kinds of findings, each with what to do
material    rows, stays and deaths as temporary tables beside the events
outcome     the outcome, deaths and their codes inside the inputs
billing     codes that are assigned after the stay in which they stand
separation  single codes that tell the label alone
splits      one person in two splits, and splits that differ
dates       events of the day of prediction that are known to the day only
definition  what the text of a task gives away
cohort      how rows with and without the label were chosen
audit       all of them

Nothing here reads labels but to compare them with inputs; rows, codes and splits come in as arguments.
"""

from models.leakage.audit import audit
from models.leakage.findings import KINDS, Audit, Finding, Kind, Result, as_mapping

__all__ = ["KINDS", "Audit", "Finding", "Kind", "Result", "as_mapping", "audit"]
