# ruff: noqa: E501  (a table has a line for each of its rows)
"""Common conditions as families of codes, and phrases that mean several things.

A line of the table: name | other names | ICD-10 | ICD-9 | words of the title in other systems. Codes are prefixes
without a dot; `A-B` spans three-character categories, `?` stands for one character. In the titles, words after
`not` rule a title out; without any title the name and the other names are used. The categories follow the tabular
lists of ICD-10-CM (2021) and ICD-9-CM (2012); where a family is a choice, it is the common one of Quan et al.,
Coding algorithms for defining comorbidities in ICD-9-CM and ICD-10 administrative data, Med Care 2005;43:1130-9.
"""

from dataclasses import dataclass
from typing import Final

_CONDITIONS: Final = """
heart failure | chf, hf, congestive heart failure, cardiac failure, congestive cardiac failure | I50 | 428 | heart failure
systolic heart failure | hfref | I502 I504 | 4282 4284 |
diastolic heart failure | hfpef | I503 I504 | 4283 4284 |
myocardial infarction | mi, ami, heart attack, acute myocardial infarction, acute mi | I21 I22 | 410 | myocardial infarction not old, history
nstemi | non st elevation myocardial infarction | I214 | 4107 |
old myocardial infarction | old mi, previous myocardial infarction, prior myocardial infarction, history of myocardial infarction, prior mi, previous mi | I252 | 412 |
coronary artery disease | cad, coronary heart disease, coronary disease | I25 | 414 |
ischemic heart disease | ihd | I20-I25 | 410-414 |
angina | angina pectoris | I20 | 413 |
atrial fibrillation | af, afib, a fib, atrial fib | I480 I481 I482 I4891 | 42731 |
atrial flutter | aflutter | I483 I484 I4892 | 42732 |
cardiac arrest | | I46 | 4275 | cardiac arrest not history
cardiomyopathy | | I42 I43 | 425 |
aortic stenosis | aortic valve stenosis | I060 I062 I350 I352 | 3950 3952 | aortic valve stenosis, aortic stenosis
endocarditis | | I33 I38 I39 | 421 4249 |
hypertension | htn, high blood pressure, arterial hypertension, hypertensive disease, hypertensive | I10-I16 | 401-405 | hypertension, hypertensive disorder not pulmonary, portal, ocular, intracranial, gestational
essential hypertension | primary hypertension | I10 | 401 |
pulmonary hypertension | | I270 I272 | 4160 4168 |
hypotension | low blood pressure | I95 | 458 |
shock | | R57 R6521 | 7855 | shock not toxic, anaphylactic
cardiogenic shock | | R570 | 78551 |
stroke | cva, cerebrovascular accident | I60 I61 I63 I64 | 430 431 433?1 434?1 436 | stroke, cerebrovascular accident, cerebral infarction not history
ischemic stroke | cerebral infarction, ischaemic stroke | I63 | 433?1 434?1 436 |
hemorrhagic stroke | | I60 I61 | 430 431 |
intracranial hemorrhage | ich, intracranial bleeding, intracranial bleed | I60-I62 | 430-432 |
subarachnoid hemorrhage | sah | I60 | 430 |
transient ischemic attack | tia | G450 G451 G452 G453 G458 G459 | 435 |
pulmonary embolism | pe, pulmonary embolus, pulmonary emboli | I26 | 4151 |
deep vein thrombosis | dvt, deep venous thrombosis | I801 I802 I803 I824 I8262 | 4511 4534 45382 |
peripheral vascular disease | pvd, pad, peripheral artery disease, peripheral arterial disease | I702 I739 | 4402 4439 |
aortic aneurysm | | I711 I712 I713 I714 I715 I716 I718 I719 | 4411 4412 4413 4414 4415 4416 4417 4419 |
copd | chronic obstructive pulmonary disease, chronic obstructive lung disease, chronic obstructive airway disease | J43 J44 | 4912 492 496 | chronic obstructive pulmonary disease, chronic obstructive lung disease, pulmonary emphysema
emphysema | | J43 | 492 |
asthma | asthmatic | J45 | 493 |
pneumonia | | J12-J18 | 480-486 | pneumonia not aspiration, history
aspiration pneumonia | aspiration pneumonitis | J690 | 5070 |
influenza | flu | J09-J11 | 487 488 |
covid 19 | covid, covid19, coronavirus disease, sars cov 2, coronavirus disease 2019 | U071 | | covid 19, coronavirus disease 2019 not suspected, history, exposure
acute respiratory failure | | J960 J962 | 51881 51884 51851 51853 |
respiratory failure | | J96 | 51881 51883 51884 51851 51853 |
ards | acute respiratory distress syndrome | J80 | 51882 |
pleural effusion | | J90 J91 | 5111 5118 5119 |
pneumothorax | | J93 J95811 | 512 |
pulmonary edema | | J81 | 514 5184 |
obstructive sleep apnea | osa | G4733 | 32723 |
sleep apnea | | G473 | 3272 |
tuberculosis | tb | A15-A19 | 010-018 |
acute kidney injury | aki, acute kidney failure, acute renal failure, acute renal injury | N17 | 584 | acute kidney injury, acute renal failure, acute kidney failure
chronic kidney disease | ckd, chronic renal failure, chronic kidney failure | N18 | 585 | chronic kidney disease, end stage renal disease, chronic renal failure not hypertensive
ckd stage 3 | stage 3 ckd, chronic kidney disease stage 3, stage 3 chronic kidney disease | N183 | 5853 |
ckd stage 4 | stage 4 ckd, chronic kidney disease stage 4, stage 4 chronic kidney disease | N184 | 5854 |
ckd stage 5 | stage 5 ckd, chronic kidney disease stage 5, stage 5 chronic kidney disease | N185 | 5855 |
end stage renal disease | esrd, end stage kidney disease | N186 | 5856 |
urinary tract infection | uti | N390 | 5990 |
pyelonephritis | kidney infection | N10-N12 | 590 |
kidney stones | kidney stone, nephrolithiasis, renal calculi, renal stones | N20 | 592 |
benign prostatic hyperplasia | bph | N40 | 600 |
diabetes | diabetes mellitus, dm, diabetic | E08-E13 | 249 250 | diabetes mellitus, diabetes not insipidus, gestational, history, screening, risk
type 2 diabetes | t2dm, dm2, type 2 diabetes mellitus, type ii diabetes, diabetes type 2, diabetes mellitus type 2, type ii diabetes mellitus, type 2 dm, niddm | E11 | 250?0 250?2 | type 2 diabetes mellitus, diabetes mellitus type 2, type ii diabetes mellitus
type 1 diabetes | t1dm, dm1, type 1 diabetes mellitus, type i diabetes, diabetes type 1, diabetes mellitus type 1, type i diabetes mellitus, type 1 dm, iddm | E10 | 250?1 250?3 | type 1 diabetes mellitus, diabetes mellitus type 1
gestational diabetes | | O244 | 6488 |
diabetic ketoacidosis | dka | E081 E091 E101 E111 E131 | 2501 | ketoacidosis
hypoglycemia | low blood sugar | E160 E161 E162 E??64 | 2510 2511 2512 |
obesity | obese | E660 E661 E662 E668 E669 | 27800 27801 27803 | obesity, obese
morbid obesity | severe obesity, morbidly obese | E6601 E662 | 27801 27803 |
hyperlipidemia | hld, dyslipidemia, hyperlipidaemia | E780 E781 E782 E783 E784 E785 | 2720 2721 2722 2723 2724 |
hypercholesterolemia | high cholesterol | E780 | 2720 |
hypothyroidism | underactive thyroid | E02 E03 E890 | 243 244 |
hyperthyroidism | overactive thyroid, thyrotoxicosis | E05 | 242 |
hyponatremia | | E871 | 2761 |
hypernatremia | | E870 | 2760 |
hyperkalemia | | E875 | 2767 |
hypokalemia | | E876 | 2768 |
acidosis | metabolic acidosis, lactic acidosis | E872 | 2762 |
dehydration | | E860 | 27651 |
malnutrition | | E40-E46 | 260-263 |
anemia | anemic | D50-D64 | 280-285 | anemia
iron deficiency anemia | | D50 | 280 |
thrombocytopenia | low platelets | D693 D694 D695 D696 | 2873 2874 2875 |
neutropenia | | D70 | 2880 |
coagulopathy | coagulation disorder | D65-D68 | 286 |
sepsis | septic | A40 A41 A021 A227 A267 A327 A427 A5486 B377 O85 R652 | 038 99591 99592 78552 | sepsis, septic shock, septicemia not history, neonatal
severe sepsis | | R652 | 99592 78552 | severe sepsis, septic shock
septic shock | | R6521 | 78552 | septic shock
septicemia | | A40 A41 | 038 |
bacteremia | | R7881 | 7907 |
cellulitis | | L03 | 681 682 |
osteomyelitis | | M86 | 730 |
clostridium difficile | c diff, c difficile, clostridioides difficile, clostridium difficile infection, cdi | A047 | 00845 |
hiv | hiv infection, hiv disease, human immunodeficiency virus, hiv/aids | B20 Z21 | 042 V08 |
hepatitis b | hbv | B16 B180 B181 B191 | 0702 0703 |
hepatitis c | hcv | B171 B182 B192 | 07041 07044 07051 07054 0707 |
cirrhosis | liver cirrhosis, cirrhosis of liver | K703 K743 K744 K745 K746 | 5712 5715 5716 |
ascites | | R18 K7011 K7031 K7151 | 7895 |
gastrointestinal bleeding | gi bleed, gi bleeding, gib, gastrointestinal bleed, gastrointestinal hemorrhage, gi hemorrhage | K250 K252 K254 K256 K260 K262 K264 K266 K270 K272 K274 K276 K280 K282 K284 K286 K920 K921 K922 K625 I8501 I8511 K5521 | 5310 5312 5314 5316 5320 5322 5324 5326 5330 5332 5334 5336 5340 5342 5344 5346 5693 5307 4560 45620 56202 56203 56212 56213 578 | gastrointestinal hemorrhage, gastrointestinal bleeding
pancreatitis | | K85 K860 K861 | 5770 5771 |
acute pancreatitis | | K85 | 5770 |
gerd | gastroesophageal reflux, gastroesophageal reflux disease, acid reflux, reflux disease | K21 | 53011 53081 |
peptic ulcer | peptic ulcer disease, pud | K25-K28 | 531-534 |
appendicitis | | K35-K37 | 540-542 | appendicitis not history
crohn disease | crohn, crohns, crohns disease | K50 | 555 |
ulcerative colitis | | K51 | 556 |
inflammatory bowel disease | ibd | K50 K51 | 555 556 |
cancer | malignancy, malignant neoplasm, malignant tumor | C00-C97 C7A C7B | 140-208 2090 2091 2092 2093 | malignant neoplasm, carcinoma, cancer, leukemia, lymphoma, malignant tumor not screening, history, risk, suspected
metastatic cancer | metastases, metastasis, metastatic disease | C77-C79 C7B | 196 197 198 | metastatic, metastasis
lung cancer | | C34 | 162 | lung cancer, carcinoma of lung, neoplasm of lung
breast cancer | | C50 | 174 175 | breast cancer, carcinoma of breast, neoplasm of breast
prostate cancer | | C61 | 185 | prostate cancer, carcinoma of prostate, neoplasm of prostate
colorectal cancer | | C18-C20 | 153 154 | colorectal cancer, colon cancer, carcinoma of colon, neoplasm of colon
colon cancer | | C18 | 153 | colon cancer, carcinoma of colon, neoplasm of colon
pancreatic cancer | | C25 | 157 | pancreatic cancer
liver cancer | hepatocellular carcinoma, hcc | C22 | 155 |
leukemia | | C91-C95 | 204-208 | leukemia not history
lymphoma | | C81-C86 | 200-202 | lymphoma not history
multiple myeloma | myeloma | C900 | 2030 |
melanoma | | C43 | 172 |
dementia | | F01-F03 G30 G310 G3183 | 290 2941 2942 3310 3311 33182 | dementia, alzheimer
alzheimer disease | alzheimer, alzheimers | G30 | 3310 |
parkinson disease | parkinson, parkinsons | G20 | 3320 |
epilepsy | | G40 | 345 |
seizures | seizure, convulsions | G40 R56 | 345 7803 |
multiple sclerosis | | G35 | 340 |
migraine | | G43 | 346 |
delirium | | F05 | 2930 2931 |
depression | depressive disorder, major depression, major depressive disorder | F32 F33 F341 | 2962 2963 3004 311 | depression, depressive disorder not screening, risk, history
anxiety | anxiety disorder | F41 | 3000 | anxiety not assessment
bipolar disorder | bipolar | F30 F31 | 2960 2961 2964 2965 2966 2967 2968 |
schizophrenia | | F20 | 295 |
ptsd | posttraumatic stress disorder, post traumatic stress disorder | F431 | 30981 |
alcohol use disorder | alcohol abuse, alcoholism, alcohol dependence, alcohol addiction | F10 | 303 3050 |
opioid use disorder | opioid abuse, opioid dependence, opioid addiction | F11 | 3040 3047 3055 |
osteoarthritis | | M15-M19 | 715 |
rheumatoid arthritis | | M05 M06 | 714 |
gout | | M10 M1A | 274 |
osteoporosis | | M80 M81 | 7330 |
lupus | systemic lupus erythematosus, sle | M32 | 7100 |
hip fracture | fracture of hip, femoral neck fracture | S720 S721 S722 | 820 | fracture of neck of femur, hip fracture, fracture of hip
fever | pyrexia | R50 | 7806 | fever not yellow, rheumatic, dengue, history
syncope | fainting | R55 | 7802 |
chest pain | | R071 R072 R078 R079 | 7865 |
abdominal pain | | R10 | 7890 |
altered mental status | | R4182 | 78097 |
rhabdomyolysis | | M6282 | 72888 |
pressure ulcer | pressure ulcers, decubitus ulcer, bedsore, bedsores | L89 | 7070 7072 |
"""


@dataclass(frozen=True, slots=True)
class Family:
    """A named family of codes; `names` are every way to call it, the first one in readings."""

    names: tuple[str, ...]
    icd10: tuple[str, ...]
    icd9: tuple[str, ...]
    titles: tuple[str, ...]
    excluded: tuple[str, ...]

    @property
    def label(self) -> str:
        """The code ranges as a clinician writes them."""
        parts = [f"ICD-10 {', '.join(_starred(p) for p in self.icd10)}"] if self.icd10 else []
        if self.icd9:
            parts.append(f"ICD-9 {', '.join(_starred(p) for p in self.icd9)}")
        return ", ".join(parts)


def _starred(pattern: str) -> str:
    return pattern if "-" in pattern else f"{pattern}*"


def read_families(table: str) -> tuple[Family, ...]:
    """Read a table of families as described at the top of this module."""
    return tuple(_family(line) for line in table.strip().splitlines())


def _family(line: str) -> Family:
    name, others, icd10, icd9, titles = (cell.strip() for cell in line.split("|"))
    wanted, _, excluded = titles.partition(" not ")
    names = (name, *_listed(others))
    return Family(names, tuple(icd10.split()), tuple(icd9.split()), _listed(wanted) or names, _listed(excluded))


def _listed(cell: str) -> tuple[str, ...]:
    return tuple(part.strip() for part in cell.split(",") if part.strip())


CONDITIONS: Final = read_families(_CONDITIONS)

UNCLEAR: Final[dict[str, tuple[str, ...]]] = {
    "kidney failure": ("acute kidney injury", "chronic kidney disease", "end stage renal disease"),
    "renal failure": ("acute kidney injury", "chronic kidney disease", "end stage renal disease"),
    "arf": ("acute kidney injury", "acute respiratory failure"),
    "blood pressure": ("systolic blood pressure", "diastolic blood pressure", "mean arterial pressure"),
    "bp": ("systolic blood pressure", "diastolic blood pressure", "mean arterial pressure"),
    "pressure": ("systolic blood pressure", "diastolic blood pressure", "mean arterial pressure"),
    "hepatitis": ("hepatitis B", "hepatitis C"),
    "bilirubin": ("total bilirubin", "direct bilirubin"),
    "cholesterol": ("total cholesterol", "LDL cholesterol", "HDL cholesterol"),
    "ms": ("multiple sclerosis", "mitral stenosis"),
    "ra": ("rheumatoid arthritis",),
    "infection": ("sepsis", "pneumonia", "urinary tract infection"),
    "heart disease": ("coronary artery disease", "heart failure", "ischemic heart disease"),
    "heart problem": ("coronary artery disease", "heart failure", "atrial fibrillation"),
    "kidney disease": ("chronic kidney disease", "acute kidney injury"),
    "renal disease": ("chronic kidney disease", "acute kidney injury"),
    "lung disease": ("COPD", "asthma"),
    "liver disease": ("cirrhosis", "hepatitis C"),
    "thyroid disease": ("hypothyroidism", "hyperthyroidism"),
    "pain": ("chest pain", "abdominal pain"),
    "bleeding": ("gastrointestinal bleeding", "intracranial hemorrhage"),
    "hemorrhage": ("gastrointestinal bleeding", "intracranial hemorrhage"),
    "troponin": ("troponin T", "troponin I"),
    "ventilation": ("invasive ventilation", "noninvasive ventilation"),
    "saturation": ("oxygen saturation (SpO2)",),
    "surgery": ("a named procedure, such as CABG",),
    "operation": ("a named procedure, such as CABG",),
    "count": ("white blood cell count", "platelet count"),
}
"""Mentions that mean several things, with what to say instead."""
