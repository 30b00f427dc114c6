from dataclasses import replace
from datetime import datetime

import pytest

from models.explain.effects import Change
from models.explain.records import Record
from models.explain.words import event_line, group_line, is_slight, named, share_line, without_line

CREATININE = Record(
    7, datetime(2180, 5, 6, 8), None, "LAB//50912//mg/dL", "observation", "Creatinine", 3.4000000953674316, None,
    "mg/dL", "final", 20, None,
)  # fmt: skip
RAISES = Change(0.24, 0.21, 0.03, 0.02, 0.05, 0.17)


def test_a_line_has_title_value_unit_date_and_both_estimates():
    line = "Creatinine 3.4 mg/dL on 2180-05-06 08:00 raises the estimate from 21.0 % to 24.0 %"
    assert event_line(CREATININE, RAISES) == line
    lowers = Change(0.21, 0.24, -0.03, -0.05, -0.02, -0.17)
    assert event_line(CREATININE, lowers).endswith("lowers the estimate from 24.0 % to 21.0 %")


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"description": None}, "LAB//50912//mg/dL 3.4 mg/dL on 2180-05-06 08:00"),
        ({"time": None}, "Creatinine 3.4 mg/dL"),
        ({"time_precision": "day"}, "Creatinine 3.4 mg/dL on 2180-05-06"),
        ({"time_precision": "year"}, "Creatinine 3.4 mg/dL on 2180"),
        ({"value": None, "text": "<0.2\n see note"}, "Creatinine <0.2 see note on 2180-05-06 08:00"),
        ({"value": None, "text": "Creatinine"}, "Creatinine on 2180-05-06 08:00"),
        ({"value": None, "text": "x" * 80}, f"Creatinine {'x' * 57}... on 2180-05-06 08:00"),
        ({"value": 1234567.0, "unit": None}, "Creatinine 1234567 on 2180-05-06 08:00"),
        ({"value": None, "status": "Not Given"}, "Creatinine (Not Given) on 2180-05-06 08:00"),
    ],
)
def test_a_record_is_named_by_what_it_has(changes, expected):
    assert named(replace(CREATININE, **changes)) == expected


def test_an_effect_too_small_to_read_is_said_to_be_so():
    slight = Change(0.2401, 0.2399, 0.0002, 0.0, 0.0004, 0.001)
    assert is_slight(slight)
    assert event_line(CREATININE, slight).endswith("hardly changes the estimate of 24.0 %")
    assert group_line("2180-05-06", 12, slight) == "The 12 records of 2180-05-06 hardly change the estimate of 24.0 %"


def test_small_risks_have_another_digit():
    small = Change(0.0031, 0.0028, 0.0003, 0.0, 0.0004, 0.001)
    assert not is_slight(small)
    assert event_line(CREATININE, small).endswith("raises the estimate from 0.28 % to 0.31 %")


def test_what_the_records_shown_account_for_is_said_with_both_estimates():
    assert share_line((10, 64, 76), (0.041, 0.121, 0.048), 0.456) == (
        "Those 10 make up 46 % of the effects of 64 records. Without the 10 records of the greatest effect at once "
        "the estimate would be 4.1 %, and with none of the 76 records that the model reads 12.1 %, instead of 4.8 %."
    )
    assert share_line((1, 1, 1), (0.1, 0.1, 0.1), None).startswith("Without the 1 record ")
    assert "nothing of this patient" in share_line((0, 0, 0), (0.1, 0.1, 0.1), None)


def test_a_what_if_says_both_estimates_and_how_sure_the_change_is():
    alone = without_line([CREATININE], (0.24, 0.15, 0.33), (0.21, 0.13, 0.3), RAISES)
    assert alone == (
        "Without Creatinine 3.4 mg/dL on 2180-05-06 08:00 the estimate is 21.0 % (13.0 % to 30.0 %) instead of "
        "24.0 % (15.0 % to 33.0 %), 3.0 percentage points lower (90 % interval of the change: -5.0 to -2.0)."
    )
    several = [CREATININE, *(replace(CREATININE, description=name) for name in ("Lactate", "pH", "Sodium"))]
    assert without_line(several, (0.24, 0.15, 0.33), (0.21, 0.13, 0.3), RAISES).startswith(
        "Without these 4 records (Creatinine, Lactate, pH and 1 more) the estimate is"
    )
    nothing = Change(0.24, 0.24, 0.0, 0.0, 0.0, 0.0)
    unmoved = without_line([CREATININE], (0.24, 0.15, 0.33), (0.24, 0.15, 0.33), nothing)
    assert unmoved.endswith("which changes nothing.")
