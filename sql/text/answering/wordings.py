# ruff: noqa: E501  (a table has a line for each of its rows)
"""The words and tokens that `phrases` makes questions of.

A wording is words beside tokens. `{noun}`, `{nouns}`, `{past}` (`{pasts}` of many), `{done}`, `{being}` are the records asked about in
words and `{m}` in tokens, `{k}` is their kind; with a 2, the records that came before. `{f}`, `{fs}`, `{fv}`
are a field, one with slots, a number, `{fnoun}` its name. All other places are parts. `kind_N` is a slot.
"""

from typing import Final

Wording = tuple[str, str]

PLAIN_VERBS: Final = ("had", "had", "having")
NAMED: Final = ("name",)
"""Places that only records of one name can fill."""

WINDOWS: Final[tuple[Wording, ...]] = (
    (" since [date_N]", "since date_N"),
    (" in [date_N]", "in date_N"),
    (" on [date_N]", "in date_N"),
    (" since [duration_N] ago", "ago duration_N"),
    (" this year", "this_year"),
    (" in this year", "this_year"),
    (" last year", "last_year"),
    (" in the previous year", "last_year"),
    (" this month", "this_month"),
    (" during the last month", "last_month"),
    (" today", "today"),
    (" yesterday", "yesterday"),
    (" on [month_day_N]/this year", "this_year month_day_N"),
    (" in [month_N]/last year", "last_year month_N"),
    (" on this month/[day_N]", "this_month day_N"),
    (" on last month/[day_N]", "last_month day_N"),
    (" during the first hospital visit", "first_stay"),
    (" in their first hospital encounter", "first_stay"),
    (" on the last hospital visit", "last_stay"),
    (" during the last hospital stay", "last_stay"),
    (" during the current hospital visit", "current_stay"),
    (" on this hospital encounter", "current_stay"),
    (" in the first ICU visit", "first_icu"),
    (" during the last ICU stay", "last_icu"),
    (" on the current ICU visit", "current_icu"),
)
_NONE: Final[Wording] = ("", "")
_RELATIONS: Final[tuple[Wording, ...]] = (
    (" within [duration_N] after {being2}", "within duration_N {k2} {m2}"),
    (" within [duration_N] following {noun2}", "within duration_N {k2} {m2}"),
    (" during the same hospital visit after {being2}", "same_stay {k2} {m2}"),
    (" in the same hospital encounter after {noun2}", "same_stay {k2} {m2}"),
    (" within the same month after {being2}", "same_month {k2} {m2}"),
    (" in the same month as {noun2}", "same_month {k2} {m2}"),
    (" on the same day after {being2}", "same_day {k2} {m2}"),
    (" on the same day as {noun2}", "same_day {k2} {m2}"),
    (" at the same time as {noun2}", "same_time {k2} {m2}"),
    (" after {being2}", "after {k2} {m2}"),
    (" after a previous {noun2}", "after {k2} {m2}"),
)
PARTS: Final[dict[str, tuple[Wording, ...]]] = {
    "w": (*WINDOWS, *(_NONE for _ in range(12))),
    "stay": WINDOWS[16:],
    "r": (*_RELATIONS, *(_NONE for _ in _RELATIONS)),
    "after": _RELATIONS,
    "of": (
        (" of patient [patient_N]", "of patient_N"),
        (" for patient [patient_N]", "of patient_N"),
        (" of patient [patient_N]", "of patient_N"),
    ),
    "pick": (
        ("first", "first"),
        ("last", "last"),
        ("second", "second"),
        ("second to last", "second_last"),
        ("third", "third"),
        ("earliest", "first"),
        ("most recent", "last"),
    ),
    "extreme": (("maximum", "highest"), ("minimum", "lowest"), ("highest", "highest"), ("lowest", "lowest")),
    "who": (
        _NONE,
        _NONE,
        (" aged [age_N]", "aged age_N"),
        (" that are [age_N]", "aged age_N"),
        (" in their [age_N]", "aged age_N"),
        (" who are [sex_N]", "of_sex sex_N"),
    ),
    "v": (
        ("greater than [number_N]", "above number_N"),
        ("above [number_N]", "above number_N"),
        ("less than [number_N]", "below number_N"),
        ("below [number_N]", "below number_N"),
        ("at least [number_N]", "at_least number_N"),
        ("at most [number_N]", "at_most number_N"),
        ("equal to [number_N]", "equal number_N"),
    ),
    "normality": (
        ("normal", "normal"),
        ("within the normal range", "normal"),
        ("abnormal", "abnormal"),
        ("above the normal range", "above_normal"),
        ("higher than normal", "above_normal"),
        ("below the normal range", "below_normal"),
        ("lower than normal", "below_normal"),
    ),
    "times": (
        ("[number_N] times", "times_exactly number_N"),
        ("exactly [number_N] times", "times_exactly number_N"),
        ("[number_N] or more times", "times_at_least number_N"),
        ("at least [number_N] times", "times_at_least number_N"),
    ),
    "fn": (("average", "avg"), ("mean", "avg"), ("maximum", "max"), ("minimum", "min"), ("total", "sum")),
    "fn_cost": (("average", "avg_cost"), ("maximum", "max_cost"), ("minimum", "min_cost"), ("total", "sum_cost")),
    "fn_number": (("average", "avg_number"), ("maximum", "max_number"), ("minimum", "min_number")),
    "per": (("daily", "per_day"), ("monthly", "per_month"), ("yearly", "per_year")),
    "often": (("most common", ""), ("most frequent", ""), ("most frequently recorded", "")),
    "greater": (
        ("greater", "greater"),
        ("higher", "greater"),
        ("more", "greater"),
        ("less", "less"),
        ("lower", "less"),
    ),
    "unit": (("hours", "hours_since"), ("days", "days_since")),
    "which": (
        (" on the first hospital visit", "first_stay"),
        (" in the last hospital encounter", "last_stay"),
        (" on the current hospital visit", "current_stay"),
    ),
    "new_since": (
        ("today compared to yesterday", "today versus yesterday"),
        ("this month compared to last month", "this_month versus last_month"),
        ("this year compared to the previous year", "this_year versus last_year"),
        ("yesterday compared to today", "yesterday versus today"),
    ),
    "ask": (
        ("What is", ""),
        ("What was", ""),
        ("Tell me", ""),
        ("Show me", ""),
        ("Give me", ""),
        ("Can you tell me", ""),
        ("Retrieve", ""),
        ("I need", ""),
    ),
}
"""Parts by the name of their place."""

FRAMES: Final[tuple[Wording, ...]] = (
    # whether there is, or never was
    ("Has patient [patient_N] {done}{w}{r}?", "exists {k} {m} of patient_N {w} {r}"),
    ("Did patient [patient_N] have any {noun}{w}{r}?", "exists {k} {m} of patient_N {w} {r}"),
    ("Is there any {noun}{of}{w}?", "exists {k} {m} {of} {w}"),
    ("Has patient [patient_N] never {done}{w}?", "never {k} {m} of patient_N {w}"),
    ("Was there no {noun}{of}{w}?", "never {k} {m} {of} {w}"),
    ("Was the {noun}{of} ever {v}{w}?", "exists {k} {m} {of} {w} {v}"),
    ("Has the {name}{of} been {normality}{w}?", "exists {k} {m} {of} {w} {normality}"),
    ("Was the {name}{of} {normality} when it was {pick} measured{w}?", "exists {k} {m} {of} {w} {normality} {pick}"),
    # how many
    ("How many times has patient [patient_N] {done}{w}{r}?", "count_records {k} {m} of patient_N {w} {r}"),
    ("Count the {nouns}{of}{w}.", "count_records {k} {m} {of} {w}"),
    ("How many {nouns} were there{w}?", "count_records {k} {m} {w}"),
    ("How often was {noun} recorded{w}?", "count_records {k} {m} {w}"),
    ("How many patients{who} {pasts}{w}{r}?", "count_patients {k} {m} {who} {w} {r}"),
    ("Count the number of patients{who} who {pasts}{w}{r}.", "count_patients {k} {m} {who} {w} {r}"),
    ("{ask} the number of patients with {noun}{who}{w}{r}.", "count_patients {k} {m} {who} {w} {r}"),
    ("How many patients{who} had a {name} {v}{w}?", "count_patients {k} {m} {who} {w} {v}"),
    ("How many hospital visits involved {noun}{w}?", "count_stays {k} {m} {w}"),
    # when
    ("When did patient [patient_N] have the {pick} {noun}{w}{r}?", "list {k} time {m} of patient_N {w} {pick} {r}"),
    ("When was the {pick} time that patient [patient_N] {past}{w}{r}?", "list {k} time {m} of patient_N {w} {pick} {r}"),
    ("When was the {pick} {noun} for patients{who}{w}?", "list {k} time {m} {who} {w} {pick}"),
    ("When was the {name}{of} {v} for the {pick} time{w}?", "list {k} time {m} {of} {w} {v} {pick}"),
    ("When was the {pick} time that patient [patient_N] had the {extreme} {name}{w}?", "list {k} time {m} of patient_N {w} {extreme} {pick}"),
    ("{ask} the times of {nouns}{of}{w}.", "list {k} time {m} {of} {w}"),
    # which, how much, what field
    ("{ask} the {fnoun} of the {pick} {noun}{of}{w}{r}.", "list {k} {f} {m} {of} {w} {pick} {r}"),
    ("{ask} patient [patient_N]'s {pick} {fnoun}{w}{r}.", "list {k} {f} of patient_N {w} {pick} {r}"),
    ("What {fnoun} did patient [patient_N] have for {noun}{w}{r}?", "list {k} {f} {m} of patient_N {w} {r}"),
    ("{ask} the {fnoun}{of}{w}.", "list {k} {f} {of} {w}"),
    ("Which {fnouns} did patient [patient_N] have{w}{r}?", "list {k} {fs} of patient_N {w} {r}"),
    ("Which {nouns0} did patient [patient_N] have{w}{after}?", "list {k} name of patient_N {w} {after}"),
    ("What was the {pick} of the {nouns0} that patient [patient_N] had{w}{r}?", "list {k} name of patient_N {w} {pick} {r}"),
    ("{ask} the {pick} value of {name}{of}{w}.", "list {k} value {m} {of} {w} {pick}"),
    ("How much was patient [patient_N]'s {pick} {name}{w}?", "list {k} value {m} of patient_N {w} {pick}"),
    ("{ask} the {extreme} {name}{of}{w}.", "list {k} value {m} {of} {w} {extreme} first"),
    ("What are the different {fnouns} of {nouns}{w}?", "list_distinct {k} {f} {m} {w}"),
    ("Which {fnouns} are there for {noun}{of}{w}?", "list_distinct {k} {fs} {m} {of} {w}"),
    ("Which {nouns0} did patient [patient_N] have {times}{w}?", "list_distinct {k} name of patient_N {w} {times}"),
    ("Which {fnouns} were recorded for patient [patient_N] {times}{w}?", "list_distinct {k} {fs} of patient_N {w} {times}"),
    # numbers
    ("{ask} the {fn} {name}{of}{w}.", "{fn} {k} value {m} {of} {w}"),
    ("{ask} the {fn} {fnoun} of {noun}{of}{w}{r}.", "{fn} {k} {fv} {m} {of} {w} {r}"),
    ("{ask} the {fn} {fnoun} of all {nouns0}{of}{w}.", "{fn} {k} {fv} {of} {w}"),
    ("{ask} the sum of the {fnoun} of {nouns0}{of}{w}.", "sum {k} {fv} {of} {w}"),
    ("{ask} the {fn} {fnoun} of {noun}{w}.", "{fn} {k} {fv} {m} {w}"),
    ("{ask} the {per} {fn} {name}{of}{w}.", "{fn} {per} {k} value {m} {of} {w}"),
    ("{ask} patient [patient_N]'s {per} {fn} {fnoun} of {noun}{w}.", "{fn} {per} {k} {fv} {m} of patient_N {w}"),
    ("{ask} the {fn_number} {per} number of patients who {pasts}{w}.", "{fn_number} {per} {k} {m} {w}"),
    ("{ask} the {fn_number} {per} number of {nouns}{of}{w}.", "{fn_number} {per} {k} {m} {of} {w}"),
    # money
    ("How much does {noun} cost?", "cost {k} {m}"),
    ("{ask} the price of {noun}{w}.", "cost {k} {m} {w}"),
    ("{ask} the {fn_cost} total hospital cost that involves {noun}{w}.", "{fn_cost} {k} {m} {w}"),
    ("{ask} the {fn_cost} cost of the hospital stays with {noun}{of}{w}.", "{fn_cost} {k} {m} {of} {w}"),
    # the most frequent, the deadliest, survival
    ("What are the top [number_N] {often} {fnouns}{who}{w}{r}?", "top number_N {k} {fs} {who} {w} {r}"),
    ("{ask} the [number_N] {often} {fnouns} that patients{who} had{w}{r}.", "top number_N {k} {fs} {who} {w} {r}"),
    ("What are the [number_N] {fnouns} with the highest [duration_N] mortality{w}?", "mortality number_N duration_N {k} {fs} {w}"),
    ("{ask} the [duration_N] survival rate of patients who {pasts} after {being2}{w}.", "survival duration_N {k} {m} {w} after {k2} {m2}"),
    ("What are the [number_N] {fnouns} with the lowest [duration_N] survival rate{w}?", "mortality number_N duration_N {k} {fs} {w}"),
    ("What share of patients with {noun} who earlier {pasts2} lived for [duration_N]{w}?", "survival duration_N {k} {m} {w} after {k2} {m2}"),
    # two moments
    ("How much did the {name}{of} change {pick} measured{stay} compared to the {pick2} value measured{stay2}?", "difference {k} value {m} {of} {stay} {pick} versus {stay2} {pick2}"),
    ("{ask} the difference of the {name}{of} between the {pick} value{w} and the {pick2} value{w2}.", "difference {k} value {m} {of} {w} {pick} versus {w2} {pick2}"),
    ("Is the {name}{of} {pick} measured{w} {greater} than the {pick2} value{w2}?", "{greater} {k} value {m} {of} {w} {pick} versus {w2} {pick2}"),
    ("Was the {pick} {name}{of}{w} {greater} compared with the {pick2} one{w2}?", "{greater} {k} value {m} {of} {w} {pick} versus {w2} {pick2}"),
    ("Which {nouns0}{of} are new {new_since}?", "new {k} name {of} {new_since}"),
    ("What new {fnouns} does patient [patient_N] have {new_since}?", "new {k} {fs} of patient_N {new_since}"),
    ("Which {nouns0} have been added for patient [patient_N] {new_since}?", "new {k} name of patient_N {new_since}"),
    ("{ask} the changes in the {nouns0}{of} {new_since}.", "new {k} name {of} {new_since}"),
    ("{ask} the difference between the total {nouns0} and {k2_nouns}{of}{w}.", "balance {k} {k2} {of} {w}"),
    # spans of time, places in a distribution
    ("How long was the {pick} {kind}{of}{w}?", "length {k} {of} {w} {pick}"),
    ("{ask} the length of the {pick} {kind}{of}{w}.", "length {k} {of} {w} {pick}"),
    ("How many {unit} have passed since the {pick} time that patient [patient_N] {past}{w}?", "{unit} {k} {m} of patient_N {w} {pick}"),
    ("How many {unit} is it since the {pick} {noun}{of}{w}?", "{unit} {k} {m} {of} {w} {pick}"),
    ("What is the percentile of a {name} of [number_N] among patients of the same age as patient [patient_N]{which}?", "percentile number_N {k} {m} same_age patient_N {which}"),
    ("{ask} the percentile of [number_N] in {noun} given the age of patient [patient_N]{which}.", "percentile number_N {k} {m} same_age patient_N {which}"),
)  # fmt: skip
