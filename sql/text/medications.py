# ruff: noqa: E501  (a table has a line for each of its rows)
"""Other names of drugs, and classes as lists of ingredients.

An ingredient is looked for as words of the descriptions in the store, so that "furosemide" finds "Furosemide 40 MG
Oral Tablet"; a class is the union of its ingredients (grouped as in the WHO ATC index).
"""

from typing import Final

_OTHER_NAMES: Final = """
furosemide: lasix
acetaminophen: tylenol, paracetamol, apap
aspirin: asa, acetylsalicylic acid, ecotrin
ibuprofen: advil, motrin
warfarin: coumadin
apixaban: eliquis
rivaroxaban: xarelto
dabigatran: pradaxa
enoxaparin: lovenox
clopidogrel: plavix
atorvastatin: lipitor
simvastatin: zocor
rosuvastatin: crestor
metoprolol: lopressor, toprol
carvedilol: coreg
lisinopril: prinivil, zestril
losartan: cozaar
amlodipine: norvasc
digoxin: lanoxin
amiodarone: cordarone, pacerone
metformin: glucophage
levothyroxine: synthroid
omeprazole: prilosec
pantoprazole: protonix
esomeprazole: nexium
famotidine: pepcid
ondansetron: zofran
albuterol: ventolin, proventil, salbutamol
prednisone: deltasone
methylprednisolone: solumedrol, medrol
hydromorphone: dilaudid
oxycodone: oxycontin, roxicodone
oxycodone acetaminophen: percocet
lorazepam: ativan
alprazolam: xanax
diazepam: valium
midazolam: versed
haloperidol: haldol
quetiapine: seroquel
sertraline: zoloft
fluoxetine: prozac
escitalopram: lexapro
gabapentin: neurontin
propofol: diprivan
norepinephrine: levophed, noradrenaline
epinephrine: adrenaline
phenylephrine: neosynephrine
naloxone: narcan
vancomycin: vanco, vanc, vancocin
piperacillin tazobactam: zosyn, pip tazo, piptazo
ceftriaxone: rocephin
levofloxacin: levaquin
ciprofloxacin: cipro
metronidazole: flagyl
azithromycin: zithromax
cefepime: maxipime
meropenem: merrem
potassium chloride: kcl
hydrochlorothiazide: hctz, microzide
spironolactone: aldactone
torsemide: demadex
bumetanide: bumex
tacrolimus: prograf
insulin glargine: lantus
docusate: colace
"""

_CLASSES: Final = """
statins | statin, hmg coa reductase inhibitors | atorvastatin, simvastatin, rosuvastatin, pravastatin, lovastatin, fluvastatin, pitavastatin
ace inhibitors | ace inhibitor, acei | lisinopril, enalapril, enalaprilat, captopril, ramipril, benazepril, quinapril, fosinopril, perindopril, moexipril, trandolapril
angiotensin receptor blockers | arb, arbs, angiotensin receptor blocker | losartan, valsartan, irbesartan, candesartan, olmesartan, telmisartan
beta blockers | beta blocker, betablocker, betablockers | metoprolol, atenolol, carvedilol, propranolol, bisoprolol, labetalol, nadolol, esmolol, nebivolol, pindolol
loop diuretics | loop diuretic | furosemide, bumetanide, torsemide, ethacrynic acid
proton pump inhibitors | proton pump inhibitor, ppi, ppis | omeprazole, pantoprazole, esomeprazole, lansoprazole, rabeprazole, dexlansoprazole
opioids | opioid, opiates, opiate | morphine, hydromorphone, oxycodone, hydrocodone, fentanyl, methadone, codeine, tramadol, meperidine, oxymorphone, tapentadol, remifentanil, buprenorphine
benzodiazepines | benzodiazepine, benzos | lorazepam, diazepam, midazolam, alprazolam, clonazepam, temazepam, chlordiazepoxide, oxazepam
vasopressors | vasopressor, pressors, pressor | norepinephrine, epinephrine, phenylephrine, vasopressin, dopamine
ssris | ssri, selective serotonin reuptake inhibitors | sertraline, fluoxetine, citalopram, escitalopram, paroxetine, fluvoxamine
direct oral anticoagulants | doac, doacs, noac, noacs | apixaban, rivaroxaban, dabigatran, edoxaban
"""


def _read_names() -> dict[str, str]:
    names = {}
    for line in _OTHER_NAMES.strip().splitlines():
        ingredient, _, others = line.partition(":")
        names.update({other.strip(): ingredient for other in others.split(",")})
    return names


def _read_classes() -> dict[str, tuple[str, tuple[str, ...]]]:
    classes = {}
    for line in _CLASSES.strip().splitlines():
        name, others, ingredients = (cell.strip() for cell in line.split("|"))
        members = tuple(part.strip() for part in ingredients.split(","))
        for called in (name, *(part.strip() for part in others.split(","))):
            classes[called] = (name, members)
    return classes


INGREDIENT_OF: Final = _read_names()
"""Brand name or abbreviation -> ingredient."""

CLASS_OF: Final = _read_classes()
"""Name of a class -> (its plain name, its ingredients)."""
