"""Random questions of the type: whatever its parts allow, whether it has a meaning or not."""

from datetime import datetime, timedelta

from hypothesis import strategies as st

from sql.text.criterion import (
    Age,
    AllOf,
    AnyOf,
    Attribute,
    Changed,
    Criterion,
    Died,
    Event,
    Followed,
    HasValue,
    Identity,
    Length,
    Not,
    Ordinal,
    Returned,
    Sex,
    Started,
    Stay,
)
from sql.text.query import (
    AgeOf,
    Beside,
    Best,
    ChangeOf,
    Count,
    CountOf,
    Exists,
    LengthOf,
    Listing,
    MomentOf,
    Patients,
    Query,
    Ranking,
    Records,
    SexOf,
    Share,
    Show,
    Statistic,
    Stays,
    TimeInside,
    TimeToDeath,
    TimeToEvent,
    ValueOf,
)
from sql.text.stored import EventCounts, Holdings, OpenRecords, Resources, TableRows, ValueForms
from sql.text.terms import (
    Around,
    Calendar,
    Comparison,
    Concept,
    DuringStay,
    Ever,
    Kind,
    Relative,
    StayKind,
    StoredCode,
)

HEART_FAILURE = Concept(
    Kind.CONDITION,
    "heart failure",
    (StoredCode("DIAGNOSIS//ICD//10//I509"), StoredCode("DIAGNOSIS//ICD//9//4280")),
    "ICD-10 I50*, ICD-9 428*",
)
CREATININE = Concept(Kind.OBSERVATION, "creatinine", (StoredCode("LAB//50912//mg/dL"),), "Creatinine", "mg/dL")
TEMPERATURE = Concept(
    Kind.OBSERVATION,
    "temperature",
    (StoredCode("LAB//223762//°C"), StoredCode("LAB//223761//°F", 5 / 9, -160 / 9)),
    "Temperature",
    "°C",
)
FUROSEMIDE = Concept(
    Kind.MEDICATION,
    "furosemide",
    (StoredCode("MEDICATION//Furosemide//Administered"), StoredCode("MEDICATION//START//Furosemide")),
    "titles with 'furosemide'",
)
DIALYSIS = Concept(Kind.PROCEDURE, "dialysis", (StoredCode("PROCEDURE//ICD//9//3995"),), "ICD-9 39.95")
CONCEPTS = (HEART_FAILURE, CREATININE, TEMPERATURE, FUROSEMIDE, DIALYSIS)

concepts = st.sampled_from(CONCEPTS)
lengths = st.integers(-1, 72).map(lambda hours: timedelta(hours=hours))
times = st.sampled_from([None, datetime(2150, 1, 1), datetime(2150, 6, 1), datetime(2151, 1, 1)])
numbers = st.sampled_from([0.0, 1.0, 2.5, 18.0, 65.0, 140.0])
bounds = st.builds(
    Comparison, st.sampled_from([">", ">=", "<", "<=", "=", "between"]), numbers, st.one_of(st.none(), numbers)
)
calendars = st.builds(Calendar, times, times)
windows = st.one_of(
    st.just(Ever()),
    st.just(DuringStay()),
    st.builds(Around, st.sampled_from(["start", "end"]), lengths, lengths, st.booleans()),
    st.builds(Around, st.just("start"), after=lengths),
    calendars,
    st.builds(Relative, st.sampled_from(["before", "after"]), concepts, st.one_of(st.none(), lengths)),
)
which = st.sampled_from(["any", "any", "first", "last", "highest", "lowest"])
events = st.builds(
    Event,
    concepts,
    windows,
    st.one_of(st.none(), bounds),
    st.sampled_from(["recorded", "recorded", "given", "ordered", "infused"]),
    which,
)
simple = st.one_of(
    events,
    st.builds(Sex, st.sampled_from(["female", "male"])),
    st.builds(Age, bounds, st.sampled_from(["start", "last", "death"])),
    st.builds(Died, windows),
    st.builds(Length, bounds, st.sampled_from(["hours", "days"])),
    st.builds(Started, calendars),
    st.builds(Returned, lengths),
    st.builds(Followed, lengths),
    st.builds(Identity, st.sampled_from([1, 10_014_354])),
    st.builds(
        Attribute, st.sampled_from(["type", "admit_source", "disposition"]), st.sampled_from([(), ("HOME", "REHAB")])
    ),
    st.builds(Ordinal, st.sampled_from(["first", "last"])),
    st.builds(Changed, concepts, st.sampled_from(["rose", "fell"]), windows),
    st.builds(HasValue, bounds),
)
criteria: st.SearchStrategy[Criterion] = st.recursive(
    simple,
    lambda inner: st.one_of(
        st.builds(Not, inner),
        st.builds(AllOf, st.lists(inner, max_size=3).map(tuple)),
        st.builds(AnyOf, st.lists(inner, max_size=3).map(tuple)),
        st.builds(
            Stay,
            st.sampled_from(StayKind),
            st.one_of(st.none(), inner),
            st.one_of(st.none(), bounds),
            st.sampled_from(["patient", "stay"]),
        ),
    ),
    max_leaves=4,
)
measures = st.one_of(
    st.builds(AgeOf, st.sampled_from(["start", "last", "death"])),
    st.builds(LengthOf, st.sampled_from(["hours", "days"])),
    st.builds(ValueOf, concepts, which, windows),
    st.builds(ChangeOf, concepts, windows),
    st.builds(CountOf, st.sampled_from(StayKind)),
    st.builds(TimeToEvent, events, st.sampled_from(["hours", "days"])),
    st.builds(TimeToDeath, st.sampled_from(["start", "end"]), st.sampled_from(["hours", "days"])),
    st.builds(TimeInside, st.sampled_from(["hours", "days"])),
    st.builds(MomentOf, st.sampled_from(["start", "end", "death"])),
    st.just(SexOf()),
)
kinds = st.sampled_from(StayKind)
asks = st.one_of(
    st.builds(
        Count, st.sampled_from(["members", "members", "patients", "stays", "records"]), st.one_of(st.none(), criteria)
    ),
    st.builds(Share, criteria),
    st.just(Listing()),
    st.builds(
        Statistic,
        st.sampled_from(["average", "median", "minimum", "maximum", "total", "deviation", "each"]),
        measures,
    ),
    st.builds(Statistic, st.just("percentile"), measures, st.sampled_from([None, 0.0, 90.0, 101.0])),
    st.just(Exists()),
    st.builds(Show, measures),
    st.builds(Best, measures, st.sampled_from(["highest", "lowest"]), st.integers(0, 3)),
    st.builds(Ranking, st.sampled_from(Kind), st.one_of(st.none(), st.integers(0, 3))),
    st.builds(Beside, st.builds(Query, st.just(Patients()), st.just((Count(),)), st.one_of(st.none(), simple))),
)
held = st.one_of(
    st.builds(TableRows, st.sampled_from([None, "hosp"]), st.sampled_from([None, 10_014_354])),
    st.builds(Resources, st.sampled_from([(), ("Condition",)]), st.sampled_from(["type", "patient"])),
    st.just(ValueForms()),
    st.builds(EventCounts, st.booleans()),
    st.just(OpenRecords()),
)
of_store = st.builds(Query, st.just(Holdings()), held.map(lambda ask: (ask,)))
queries = st.builds(
    Query,
    st.one_of(st.just(Patients()), st.builds(Stays, kinds), st.builds(Records, events), st.just(Holdings())),
    st.lists(asks, min_size=1, max_size=2).map(tuple),
    st.one_of(st.none(), criteria),
    st.sampled_from([None, None, "sex", "type", "class", "year", "month", "disposition", "source", "age"]),
    st.lists(st.text(max_size=5), max_size=1).map(tuple),
)
