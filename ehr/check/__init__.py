"""Data quality: checks of a whole store, each with what it found, out of how many, and how bad that is.

checks.py is the table of checks, limits.csv that of values that cannot be; docs/check.md describes both.
"""

from ehr.check.checks import AREAS, CHECKS
from ehr.check.definition import Check
from ehr.check.limits import SOURCES
from ehr.check.prepare import limited_quantities
from ehr.check.report import SEVERITIES, Outcome, Report, as_json, check_store

__all__ = [
    "AREAS",
    "CHECKS",
    "SEVERITIES",
    "SOURCES",
    "Check",
    "Outcome",
    "Report",
    "as_json",
    "check_store",
    "limited_quantities",
]
