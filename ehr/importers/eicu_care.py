"""What eICU-CRD writes down of care: diagnoses, treatments, drugs, histories, examinations, plans and notes."""

from typing import Final

from ehr.importers.eicu_measures import charted, labelled, table
from ehr.importers.eicu_stays import at
from ehr.importers.tables import Check, Events, TableSpec, end_of, integer, minutes, number, text
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

_DOSE: Final = (
    "regexp_extract(replace(dosage, ',', ''), '^ *([0-9]+(?:[.][0-9]*)?|[.][0-9]+) *([A-Za-z%][^0-9]*)$', {})"
)
_ORDERED: Final = at("coalesce(drugstartoffset, drugorderoffset)")

MEDICATION: Final = table(
    "medication",
    "medicationid",
    (
        minutes("drugorderoffset"),
        minutes("drugstartoffset"),
        minutes("drugstopoffset"),
        text("drugordercancelled"),
        text("drugname"),
        integer("drughiclseqno"),
        text("dosage"),
        text("routeadmin"),
        text("frequency"),
        text("prn"),
    ),
    (
        Events(
            ("PRESCRIPTION", "EICU", "=coalesce(drugname, 'HICL ' || drughiclseqno)"),
            _ORDERED,
            end=end_of(at("drugstopoffset"), _ORDERED),
            value=f"try_cast({_DOSE.format(1)} AS FLOAT)",
            unit=f"nullif(trim({_DOSE.format(2)}), '')",
            text="nullif(concat_ws(', ', dosage, routeadmin, frequency, "
            "CASE WHEN lower(prn) = 'yes' THEN 'as needed' END), '')",
            codings="CASE WHEN drugname IS NOT NULL AND drughiclseqno IS NOT NULL THEN "
            "['PRESCRIPTION//EICU//' || replace(drugname, '//', '/'), 'PRESCRIPTION//HICL//' || drughiclseqno] END",
        ),
    ),
    (
        Check(
            "drugname IS NULL AND drughiclseqno IS NULL",
            "neither drugname nor drughiclseqno",
            refuses=True,
            cell="drugname",
            code=Reason.NO_CODE,
        ),
        Check("lower(trim(drugordercancelled)) = 'yes'", "the order was cancelled", skips=True),
        Check(
            "drugstopoffset < coalesce(drugstartoffset, drugorderoffset)",
            "drugstopoffset is before the start: end left NULL",
            cell="drugstopoffset",
            code=Reason.IMPLAUSIBLE,
        ),
    ),
    ignored="drugivadmixture loadingdose gtc",
)

ADMISSIONDRUG: Final = table(
    "admissionDrug",
    "admissiondrugid",
    (
        minutes("drugoffset"),
        minutes("drugenteredoffset"),
        text("drugname", required=True),
        number("drugdosage"),
        text("drugunit"),
        text("drugadmitfrequency"),
        integer("drughiclseqno"),
    ),
    (
        Events(
            ("MEDICATION", "EICU", "$drugname"),
            at("coalesce(drugenteredoffset, drugoffset)"),
            value="CASE WHEN drugdosage > 0 THEN drugdosage END",
            unit="CASE WHEN drugdosage > 0 THEN nullif(trim(drugunit), '') END",
            text="nullif(trim(drugadmitfrequency), '')",
            status="'before admission'",
            codings="CASE WHEN drughiclseqno IS NOT NULL THEN ['MEDICATION//EICU//' || replace(drugname, '//', '/'), "
            "'MEDICATION//HICL//' || drughiclseqno] END",
        ),
    ),
    ignored="drugnotetype specialtytype usertype rxincluded writtenineicu",
)

_RATE: Final = "coalesce(drugrate, CASE WHEN drugrate_text IS NULL THEN infusionrate END)"

INFUSIONDRUG: Final = table(
    "infusionDrug",
    "infusiondrugid",
    (
        minutes("infusionoffset", required=True),
        text("drugname", required=True),
        number("drugrate", quiet=True),
        number("infusionrate", quiet=True),
        number("patientweight", quiet=True),
    ),
    (
        Events(
            ("INFUSION_START", "EICU", "$drugname"),
            at("infusionoffset"),
            value=_RATE,
            unit="CASE WHEN drugrate IS NULL THEN 'ml/hr' "
            r"ELSE nullif(regexp_extract(drugname, '[(]([^()]*)[)]\s*$', 1), '') END",
            when=f"{_RATE} > 0",
        ),
        Events(
            ("INFUSION_END", "EICU", "$drugname"),
            at("infusionoffset"),
            when=f"({_RATE} = 0 OR upper(trim(drugrate_text)) IN ('OFF', 'STOPPED', 'DC', 'D/C'))",
        ),
        Events(
            ("SUBJECT_WEIGHT_AT_INFUSION", "KG"),
            at("infusionoffset"),
            value="patientweight",
            unit="'kg'",
            when="patientweight > 0",
            once=True,
            record="NULL::VARCHAR",
        ),
    ),
    ignored="drugamount volumeoffluid",
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
    ADMISSIONDRUG,
    MEDICATION,
    INFUSIONDRUG,
    TREATMENT,
    MICROLAB,
    PHYSICALEXAM,
    NURSEASSESSMENT,
    NURSECARE,
    *CAREPLANS,
    NOTE,
)
"""Tables of what was found, planned and done."""
