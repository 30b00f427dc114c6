# ruff: noqa: E501  (a table has a line for each of its rows)
"""Made questions that records cannot answer, so that a parser learns to know such where training has few.

Sentences of what staff ask each other and no table of records holds: people and their hours, rooms and stock, advice,
plans, opinions, family, costs of a kind that nobody charges. Their slots are filled with what real questions name.
"""

import re
from collections import defaultdict
from collections.abc import Sequence
from typing import Final

import numpy as np

from sql.text.linking import Linked

_PLACE: Final = re.compile(r"\{(\w+)\}")

_FRAMES: Final = """
What is the {thing} of patient {patient}?|Tell me the {thing} of patient {patient}.|Does patient {patient} have a {thing}?|Show me patient {patient}'s {thing}.|Could you find the {thing} that patient {patient} gave?|Is there a {thing} on file for patient {patient}?|When was the {thing} of patient {patient} last updated?|How many patients have a {thing}?
"""
_THINGS: Final = """
phone number|home address|email address|emergency contact|next of kin|occupation|employer|religion|ethnicity|education|nationality|smoking habit|alcohol habit|exercise habit|diet plan|meal preference|food allergy|drug allergy|vaccination record|immunization date|family doctor|family history|mother's illness|chief complaint|reported symptom|pain description|consent form|living will|visitor list|follow-up appointment|next appointment|referral letter|discharge summary|radiology report|chest x-ray image|mri scan|ct image|ultrasound finding|pathology report|genetic result|sleep quality|mood|satisfaction score|complaint|nursing note|doctor's opinion|recovery plan|rehabilitation schedule|prognosis|life expectancy|readmission risk|recommended dose|dental record|eyesight|hearing|number of children|pregnancy history|surgeon|attending physician|primary nurse|room number|bed number|locker|parking permit|ambulance report|travel history|pharmacy|copayment|deductible|unpaid bill
"""
_ABOUT: Final = """
What are the side effects of {drug}?|How does {drug} work?|Can {drug} be taken with food?|Is it safe to combine {drug} with alcohol?|Which company makes {drug}?|What does a tablet of {drug} look like?|When does our stock of {drug} expire?|How many boxes of {drug} are left in the pharmacy?|What is the maximum safe dose of {drug}?|Is there a generic version of {drug}?|Should patient {patient} stop taking {drug}?|Why was {drug} chosen for patient {patient}?|Who ordered {drug} for patient {patient}?|Did patient {patient} feel better after {drug}?
How is {diagnosis} treated?|What causes {diagnosis}?|What are the symptoms of {diagnosis}?|Is {diagnosis} contagious?|Which specialist treats {diagnosis}?|Is {diagnosis} hereditary?|How can {diagnosis} be prevented?|What is the best diet for {diagnosis}?|Will patient {patient} recover from {diagnosis}?|Does the mother of patient {patient} have {diagnosis}?|What stage is the {diagnosis} of patient {patient}?|Who diagnosed patient {patient} with {diagnosis}?|Which guideline covers {diagnosis}?|Is there a support group for {diagnosis}?
How is {procedure} performed?|How long does {procedure} usually take?|Which surgeon performs {procedure}?|What should be prepared before {procedure}?|Is anesthesia needed for {procedure}?|What are the risks of {procedure}?|Which room is booked for {procedure}?|When is {procedure} of patient {patient} scheduled?|Did patient {patient} sign the consent for {procedure}?|Can patient {patient} eat before {procedure}?|How long is the waiting list for {procedure}?|What equipment does {procedure} require?|Who assisted in {procedure} of patient {patient}?
How is {lab} measured?|Which machine runs the {lab} test?|How much blood is needed for {lab}?|When will the {lab} result of patient {patient} be ready?|What does a high {lab} mean?|Should patient {patient} fast before the {lab} test?|Who drew the sample for {lab} of patient {patient}?|Why was {lab} of patient {patient} repeated?|Is the {lab} test covered by insurance?
Which doctor is on call tonight?|Who is the head nurse of the ward?|How many nurses work on the night shift?|What is the schedule of the cardiologist today?|When does the pharmacy open?|Which operating theatre is free now?|How many ventilators are in stock?|How many beds are free in the hospital?|When is the next staff meeting?|What are the visiting hours?|Where is the blood bank?|How do I page the anesthesiologist?|Who cleaned the isolation room?|How often are the instruments sterilized?|What is the infection control policy?|Which ambulance arrived last?|How long do patients wait in the lobby?|What is the menu of the cafeteria?|How many parking spaces are there?|Which elevators are out of service?|What is the budget of the department?|How much does a nurse earn?|Which vendor supplies the gloves?|When was the scanner last serviced?|Is the wireless network down?|Which hospitals nearby accept transfers?|What is the rating of this hospital?|Who won the election?|What is the weather tomorrow?|Can you write a letter to the family?|Translate the instructions for patient {patient}.|Remind me to call patient {patient}.|Book a room for patient {patient}.|Who visited patient {patient}?|Which bus goes to the clinic?|What did patient {patient} eat for lunch?|Is patient {patient} happy with the care?|What did the doctor say about patient {patient}?|Will patient {patient} survive?|When can patient {patient} go home?|When will patient {patient} be discharged?|What should I do for patient {patient} next?|Which treatment is best for patient {patient}?|Has patient {patient} been to another clinic?|Which clinical trial fits patient {patient}?|How is patient {patient} feeling today?|Did patient {patient} fall out of bed?|Does patient {patient} live alone?|Who pays for patient {patient}?|How far away does patient {patient} live?
"""
_KINDS: Final = {
    "patient": "patient",
    "drug": "drug",
    "diagnosis": "diagnosis",
    "procedure": "procedure",
    "lab": "lab",
}


def _parted(table: str) -> list[str]:
    return [one.strip() for one in table.replace("\n", "|").split("|") if one.strip()]


def made_unanswerable(linked: Sequence[Linked], count: int, seed: int = 0) -> list[tuple[str, str]]:
    """Return up to `count` questions with the sentence, or the thing, that each was made of.

    `linked` are real questions; their names stand in the made ones. Sentences with a slot that no question names are
    left out.
    """
    chance = np.random.default_rng(seed)
    names = _names(linked)
    things, frames = _parted(_THINGS), _parted(_FRAMES)
    made: dict[str, str] = {}
    plans = [(sentence, sentence) for sentence in _parted(_ABOUT)]
    for thing in things:
        drawn = chance.choice(len(frames), 3, replace=False)
        plans += [(thing, frames[int(one)].replace("{thing}", thing)) for one in drawn]
    for place in chance.permutation(len(plans)):
        origin, sentence = plans[place]
        wanted = {_KINDS[slot] for slot in _PLACE.findall(sentence)}
        if wanted <= names.keys():
            made[_PLACE.sub(lambda found: _one(names[_KINDS[found[1]]], chance), sentence)] = origin
    return list(made.items())[:count]


def _one(names: Sequence[str], chance: np.random.Generator) -> str:
    return names[int(chance.integers(len(names)))]


def _names(linked: Sequence[Linked]) -> dict[str, list[str]]:
    found: defaultdict[str, dict[str, None]] = defaultdict(dict)
    for one in linked:
        for slot in one.slots:
            if len(slot.kinds) == 1:
                found[slot.kinds[0]][slot.surface] = None
    return {kind: list(surfaces) for kind, surfaces in found.items()}
