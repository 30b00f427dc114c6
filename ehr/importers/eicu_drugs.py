"""Drugs of eICU-CRD: what was taken before, ordered, and infused."""

from typing import Final

from ehr.importers.eicu_measures import table
from ehr.importers.eicu_stays import at
from ehr.importers.tables import Check, Events, end_of, integer, minutes, number, text
from ehr.reasons import Reason

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

DRUGS: Final = (ADMISSIONDRUG, MEDICATION, INFUSIONDRUG)
"""Tables of drugs."""
