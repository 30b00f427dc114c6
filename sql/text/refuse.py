# ruff: noqa: E501  (a table has a line for each of its rows)
"""What is refused before it is read: attempts to change or to exfiltrate, and what no query can answer."""

import re
from dataclasses import dataclass
from typing import Final, Literal

Reason = Literal["UNANSWERABLE", "AMBIGUOUS", "LOW_CONFIDENCE", "UNSAFE"]


@dataclass(frozen=True, slots=True)
class Refusal:
    """Why a question is not answered, and a sentence that helps."""

    reason: Reason
    message: str


_CHANGE: Final = (
    "a question can only read the store; nothing is changed, deleted or sent anywhere. "
    "Ask for example 'how many patients have heart failure?'"
)
_UNSAFE: Final = (
    r"\b(drop|truncate|alter|create|attach|detach|copy|pragma|vacuum|grant|revoke)\s+(all\s+|the\s+)?(table|view|database|schema|index|tables|role|user|into|or\s+replace)\b",
    r"\b(delete|insert|update|erase|wipe|purge|overwrite|modify|anonymi[sz]e)\b",
    r"(^|please |\b(?:and|then|must|to|you|should) )(remove|change(?! in | of )|drop(?! in | of )|discard|get rid of|edit|correct|set|rename|replace|add)\b.{0,40}\b(record|records|row|rows|patients?|pts?|entry|entries|data|database|store|diagnosis|value|sex|table|column|field|result|results)\b",
    r"\b(ignore|disregard|forget|override|bypass)\b.{0,30}\b(previous|prior|above|all|your|the|these|any|guard|rules?|instructions?|limits?|safety)\b",
    r"\b(system prompt|jailbreak|developer mode|pretend (you|to)|act as|you are now|new instructions?|admin mode|sudo|without (the )?guard|no restrictions)\b",
    r"(;|--|/\*|\*/|\bunion\s+(all\s+)?select\b|\bselect\b.+\bfrom\b|\bor\s+1\s*=\s*1\b|\bxp_\w+)",
    r"\b(read_csv|read_text|read_parquet|glob|duckdb_\w+|information_schema|sqlite_master|pg_\w+|getenv|shell|eval|exec|import os|os\.system)\b",
    r"\b(password|passwords|credential|credentials|api key|secret|secrets|token|environment variable|/etc/)\b",
    r"\b(send|email|e-mail|upload|export|leak|exfiltrate|download)\b.{0,60}\b(to|as|file|disk|https?|server|mail|url|csv|someone|outside)\b",
    r"\b(save|write|post|dump|copy)\b.{0,60}\b(file|disk|https?|server|mail|url|csv|parquet)\b",
    r"https?://|\bfile://|\bs3://",
)  # fmt: skip
_OUT_OF_SCOPE: Final = (
    (
        r"(^(so |and |ok |hi )*should\b|\b(should (i|we|you|he|she|they|this|the|my|pts?|patients?)|would you (recommend|advise|suggest|treat)|recommend|recommended|(?<!medical )advice|advise|suggest|what (treatment|drug|dose|therapy|medication|antibiotic) (should|would|is best)|how (should|do) (i|we) (treat|manage|dose)|best (treatment|therapy|drug|way)|is it safe|safe to|appropriate|guidelines?|contraindicated|ought)\b)",
        "this tool reports what is recorded and gives no advice; ask what was done, such as 'how many patients with sepsis were given vancomycin?'",
    ),
    (
        r"\b(predict|prediction|forecast|will|going to|likely|likelihood|risk of|at risk|probability|chance|chances|prognosis|expect(ed)?|survive the next|next (week|month|year)|future|would happen|what if|deteriorate)\b",
        "what has not happened yet is not in the records; risks come from 'ehr predict' with a trained model",
    ),
    (
        r"\b(notes?|narrative|narratives|free text|free-text|letters?|discharge summar\w+|radiology reports?|impression|transcript|x-?ray images?|images?|scans? show|picture|photo|pictures|dicom|ecg trace|waveforms?|pdf)\b",
        "free text and images are not in the store; ask about coded conditions, medications, procedures and measurements",
    ),
    (
        r"\b(opinion|think|feel|feels|believe|happy|satisf\w+|prefer|preference|why|because|reasons? for|caused?|causes?|explain|effective|effectiveness|better than|worse than|benefit|harm|compare|correlat\w+|associat\w+|relationship|impact|effect of|meaning of|mean by|what does|what is (a|an)\b|who is (the )?(best|president|doctor)|doctor|doctors|nurse|nurses|physicians?|clinicians?|surgeons?|staff|providers?|cost|costs|price|bill|billing|charge|charges|insurance|family history|weather|phone|address|email|name of|names of|surname)\b",
        "the records of this store do not say that; it holds coded conditions, medications, procedures, measurements, stays and deaths",
    ),
    (
        r"\b(today|yesterday|currently|right now|at the moment|this (week|month|year)|last (week|month|year|\d+ (days|weeks|months|years))|past (week|month|year|\d+ (days|weeks|months|years))|ago|tomorrow|now|recent|recently)\b",
        "records have dates of their own and no 'today'; name a date, a year, or a time relative to a stay",
    ),
)  # fmt: skip


def refuse(question: str) -> Refusal | None:
    """Return why a question must not, or cannot, be read as a query; None when it may be read."""
    text = " ".join(question.lower().split())
    if any(re.search(pattern, text) for pattern in _UNSAFE):
        return Refusal("UNSAFE", _CHANGE)
    for pattern, message in _OUT_OF_SCOPE:
        found = re.search(pattern, text)
        if found:
            return Refusal("UNANSWERABLE", f"'{found[0]}': {message}")
    return None
