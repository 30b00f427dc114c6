"""What eICU-CRD writes down of care: diagnoses, treatments, histories, cultures, examinations, plans and notes."""

from typing import Final

from ehr.importers.eicu_measures import charted, labelled, table
from ehr.importers.eicu_stays import at
from ehr.importers.tables import Check, Events, TableSpec, minutes, number, text
from ehr.reasons import Reason

_ICD9: Final = r"[0-9]{3}([.][0-9]{1,2})?|E[0-9]{3}([.][0-9])?|V[0-9]{2}([.][0-9]{1,2})?"
_ICD10: Final = r"[A-Z][0-9][0-9A-Z]([.][0-9A-Z]{1,4})?"

_ICD: Final = (
    "list_filter(list_transform(string_split(replace(upper(icd9code), ';', ','), ','), lambda x: trim(x)), "
    f"lambda x: regexp_full_match(x, '{_ICD9}|{_ICD10}'))"
)
"""SQL of the codes of ICD in icd9code, which lists those of ICD-9-CM and of ICD-10-CM for one diagnosis."""


def _version(code: str) -> str:
    return f"CASE WHEN regexp_full_match({code}, '{_ICD9}') THEN '9' ELSE '10' END"


_ICD_CODE: Final = f"'DIAGNOSIS//ICD//' || {_version('x')} || '//' || replace(x, '.', '')"

DIAGNOSIS: Final = table(
    "diagnosis",
    "diagnosisid",
    (
        minutes("diagnosisoffset", required=True),
        text("diagnosisstring"),
        text("icd9code"),
        text("diagnosispriority"),
    ),
    (
        Events(
            ("DIAGNOSIS", "ICD", f"={_version(f'{_ICD}[1]')}", f"=replace({_ICD}[1], '.', '')"),
            at("diagnosisoffset"),
            text="diagnosisstring",
            status="diagnosispriority",
            codings=f"list_transform({_ICD}, lambda x: {_ICD_CODE}) || CASE WHEN diagnosisstring IS NULL "
            "THEN []::VARCHAR[] ELSE ['DIAGNOSIS//EICU//' || replace(diagnosisstring, '//', '/')] END",
            when=f"coalesce(len({_ICD}), 0) > 0",
        ),
        Events(
            ("DIAGNOSIS", "EICU", "$diagnosisstring"),
            at("diagnosisoffset"),
            status="diagnosispriority",
            when=f"coalesce(len({_ICD}), 0) = 0 AND diagnosisstring IS NOT NULL",
        ),
    ),
    (
        Check(
            f"diagnosisstring IS NULL AND coalesce(len({_ICD}), 0) = 0",
            "neither diagnosisstring nor a code in icd9code",
            refuses=True,
            cell="diagnosisstring",
            code=Reason.NO_CODE,
        ),
    ),
    ignored="activeupondischarge",
)

_IS_DIAGNOSIS: Final = "contains(admitdxpath, '|Diagnosis|')"

ADMISSIONDX: Final = table(
    "admissionDx",
    "admissiondxid",
    (minutes("admitdxenteredoffset", required=True), text("admitdxpath", required=True), text("admitdxname")),
    (
        Events(
            ("CONDITION", "EICU", "=coalesce(admitdxname, regexp_extract(admitdxpath, '[^|]*$'))"),
            at("admitdxenteredoffset"),
            text="admitdxpath",
            when=_IS_DIAGNOSIS,
        ),
        Events(  # questions such as whether the patient came from an operation, with the answer last
            ("OBSERVATION", "EICU", "=regexp_replace(admitdxpath, '[|][^|]*$', '')"),
            at("admitdxenteredoffset"),
            text="coalesce(admitdxname, regexp_extract(admitdxpath, '[^|]*$'))",
            when=f"NOT {_IS_DIAGNOSIS}",
        ),
    ),
    ignored="admitdxtext",
)

TREATMENT: Final = table(
    "treatment",
    "treatmentid",
    (minutes("treatmentoffset", required=True), text("treatmentstring", required=True)),
    (Events(("PROCEDURE", "EICU", "$treatmentstring"), at("treatmentoffset")),),
    ignored="activeupondischarge",
)

_ALLERGEN: Final = "coalesce(allergyname, drugname)"

ALLERGY: Final = table(
    "allergy",
    "allergyid",
    (
        minutes("allergyoffset"),
        minutes("allergyenteredoffset"),
        text("allergytype"),
        text("allergyname"),
        text("drugname"),
    ),
    (
        Events(
            ("ALLERGY", "EICU", f"={_ALLERGEN}"),
            at("coalesce(allergyenteredoffset, allergyoffset)"),
            text="allergytype",
        ),
    ),
    (
        Check(
            f"{_ALLERGEN} IS NULL",
            "neither allergyname nor drugname",
            refuses=True,
            cell="allergyname",
            code=Reason.NO_CODE,
        ),
        Check(
            f"regexp_matches(lower({_ALLERGEN}), '^(no( |$)|none|not |nkda|nka|unknown)')",
            "it says that no allergy is known",
            skips=True,
        ),
    ),
    ignored="allergynotetype specialtytype usertype rxincluded writtenineicu drughiclseqno",
)

_PAST: Final = "regexp_replace(pasthistorypath, '^notes/Progress Notes/Past History/(Organ Systems/)?', '')"
_HAD: Final = (
    "(contains(pasthistorypath, '/Organ Systems/') AND NOT regexp_matches(lower(coalesce(pasthistoryvalue, "
    "regexp_extract(pasthistorypath, '[^/]*$'))), '^(no( |$)|none|not |negative|unknown)'))"
)

PASTHISTORY: Final = table(
    "pastHistory",
    "pasthistoryid",
    (
        minutes("pasthistoryoffset"),
        minutes("pasthistoryenteredoffset"),
        text("pasthistorypath", required=True),
        text("pasthistoryvalue"),
        text("pasthistoryvaluetext"),
    ),
    tuple(
        Events(
            (head, "EICU", f"={_PAST}"),
            at("coalesce(pasthistoryenteredoffset, pasthistoryoffset)"),
            text="coalesce(pasthistoryvaluetext, pasthistoryvalue)",
            status="'history'",
            when=condition,
        )
        for head, condition in (("CONDITION", _HAD), ("OBSERVATION", f"NOT {_HAD}"))
    ),
    ignored="pasthistorynotetype",
)

MICROLAB: Final = table(
    "microLab",
    "microlabid",
    (
        minutes("culturetakenoffset", required=True),
        text("culturesite"),
        text("organism", required=True),
        text("antibiotic"),
        text("sensitivitylevel"),
    ),
    (
        Events(
            ("MICROBIOLOGY", "TAKEN", "EICU", "$culturesite"),
            at("culturetakenoffset"),
            once=True,
            record="NULL::VARCHAR",
        ),
        # When the result came is not told: it is known for certain when the patient leaves the hospital.
        Events(
            ("MICROBIOLOGY", "RESULT", "EICU", "$culturesite", "$organism"),
            f"greatest(hospital_end, {at('culturetakenoffset')})",
            when="antibiotic IS NULL",
        ),
        Events(
            ("MICROBIOLOGY", "RESULT", "EICU", "$culturesite", "$organism", "$antibiotic"),
            f"greatest(hospital_end, {at('culturetakenoffset')})",
            text="sensitivitylevel",
            when="antibiotic IS NOT NULL",
        ),
    ),
)

PHYSICALEXAM: Final = table(
    "physicalExam",
    "physicalexamid",
    (
        minutes("physicalexamoffset", required=True),
        text("physicalexampath", required=True),
        text("physicalexamvalue"),
        number("physicalexamtext", quiet=True),
    ),
    (
        Events(
            (
                "OBSERVATION",
                "EICU",
                "=regexp_replace(physicalexampath, '^notes/Progress Notes/Physical Exam/(Physical Exam/)?', '')",
            ),
            at("physicalexamoffset"),
            value="physicalexamtext",
            text="CASE WHEN physicalexamtext IS NULL THEN coalesce(physicalexamtext_text, physicalexamvalue) END",
        ),
    ),
)


def _nursed(name: str, key: str, offset: str, entry: str) -> TableSpec:
    return table(
        name,
        key,
        (
            minutes(offset, required=True),
            text("celllabel"),
            text("cellattribute"),
            number("cellattributevalue", quiet=True),
        ),
        (charted(labelled("celllabel", "cellattribute"), offset, "cellattributevalue"),),
        ignored=f"{entry} cellattributepath",
    )


NURSEASSESSMENT: Final = _nursed("nurseAssessment", "nurseassessid", "nurseassessoffset", "nurseassessentryoffset")
NURSECARE: Final = _nursed("nurseCare", "nursecareid", "nursecareoffset", "nursecareentryoffset")


def _planned(name: str, key: str, offset: str, code: str, texts: str, ignored: str = "") -> TableSpec:
    """Return the spec of a table of the care plan: what it is about, and what is said of that."""
    columns = tuple(text(column) for column in (*([code] if code else []), *texts.split()))
    words = ", ".join(texts.split())
    return table(
        name,
        key,
        (minutes(offset, required=True), *columns),
        (
            Events(
                ("OBSERVATION", "EICU", f"=concat_ws('|', '{name}', {code or 'NULL'})"),
                at(offset),
                text=f"nullif(concat_ws(', ', {words}), '')" if words else "NULL",
            ),
        ),
        ignored=f"activeupondischarge {ignored}",
    )


CAREPLANS: Final = (
    _planned("carePlanGeneral", "cplgeneralid", "cplitemoffset", "cplgroup", "cplitemvalue"),
    _planned("carePlanEOL", "cpleolid", "cpleolsaveoffset", "", "", "cpleoldiscussionoffset"),
    _planned("carePlanGoal", "cplgoalid", "cplgoaloffset", "cplgoalcategory", "cplgoalvalue cplgoalstatus"),
    _planned(
        "carePlanInfectiousDisease",
        "cplinfectid",
        "cplinfectdiseaseoffset",
        "infectdiseasesite",
        "infectdiseaseassessment treatment responsetotherapy",
    ),
    _planned(
        "carePlanCareProvider",
        "cplcareprovderid",
        "careprovidersaveoffset",
        "providertype",
        "specialty interventioncategory",
        "managingphysician",
    ),
)

NOTE: Final = table(
    "note",
    "noteid",
    (
        minutes("noteoffset"),
        minutes("noteenteredoffset"),
        text("notetype"),
        text("notepath", required=True),
        text("notevalue"),
        text("notetext"),
    ),
    (
        Events(
            ("NOTE", "EICU", "$notepath"),
            at("coalesce(noteenteredoffset, noteoffset)"),
            text="coalesce(notetext, notevalue)",
            status="notetype",
        ),
    ),
)

CARE: Final = (
    ADMISSIONDX,
    DIAGNOSIS,
    PASTHISTORY,
    ALLERGY,
    TREATMENT,
    MICROLAB,
    PHYSICALEXAM,
    NURSEASSESSMENT,
    NURSECARE,
    *CAREPLANS,
    NOTE,
)
"""Tables of what was found, planned and done."""
