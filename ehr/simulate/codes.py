"""The clinical vocabulary of made patients: real codes and titles, as MIMIC-IV and FHIR servers write them.

ICD-10-CM without its dot as in MIMIC-IV; SNOMED CT, LOINC and RxNorm (ingredients) for FHIR; item numbers and labels
of MIMIC-IV. A drug belongs to one condition or one reason only, so that an order says which one it stands for.
"""

from dataclasses import dataclass
from typing import Final

ICD10_SYSTEM: Final = "http://hl7.org/fhir/sid/icd-10-cm"
ICD10_PCS_SYSTEM: Final = "http://www.cms.gov/Medicare/Coding/ICD10"
SNOMED_SYSTEM: Final = "http://snomed.info/sct"
LOINC_SYSTEM: Final = "http://loinc.org"
RXNORM_SYSTEM: Final = "http://www.nlm.nih.gov/research/umls/rxnorm"
UCUM_SYSTEM: Final = "http://unitsofmeasure.org"


@dataclass(frozen=True, slots=True)
class Drug:
    """A drug as the hospital's formulary names it."""

    name: str
    rxnorm: str
    dose: str
    unit: str
    route: str
    per_day: int


@dataclass(frozen=True, slots=True)
class Condition:
    """A chronic condition: how often it is there by phenotype (see physiology.PHENOTYPES), and its usual drugs."""

    icd10: str
    title: str
    snomed: str
    snomed_title: str
    prevalence: tuple[float, ...]
    ageing: float
    drugs: tuple[Drug, ...] = ()


@dataclass(frozen=True, slots=True)
class Procedure:
    """A procedure as it is billed."""

    icd10: str
    title: str
    snomed: str
    snomed_title: str


@dataclass(frozen=True, slots=True)
class Reason:
    """Why patients are admitted: the first of `drugs` is always ordered and names the reason."""

    icd10: str
    title: str
    snomed: str
    snomed_title: str
    service: str
    ward: str
    icu: str
    drugs: tuple[Drug, ...]
    drg: tuple[str, str]
    apr_drg: tuple[str, str]
    danger: float
    """Factor on the hazard of death in hospital."""
    weight: tuple[float, ...]
    """How often by phenotype."""
    with_severity: float = 0.0
    """Log factor on how often, per level of severity."""
    elective: bool = False
    cultures: tuple[str, ...] = ()
    procedure: Procedure | None = None


@dataclass(frozen=True, slots=True)
class Item:
    """A charted thing of the ICU other than a vital sign."""

    itemid: int
    label: str
    abbreviation: str
    linksto: str
    category: str
    unit: str | None
    kind: str


@dataclass(frozen=True, slots=True)
class Culture:
    """A microbiology test of a specimen and what may grow in it."""

    specimen_id: int
    specimen: str
    test_id: int
    test: str
    loinc: str
    organisms: tuple[tuple[int, str, str], ...]


MICU: Final = "Medical Intensive Care Unit (MICU)"
SICU: Final = "Surgical Intensive Care Unit (SICU)"
CCU: Final = "Coronary Care Unit (CCU)"
CVICU: Final = "Cardiac Vascular Intensive Care Unit (CVICU)"

# phenotypes: robust, metabolic, cardiac, renal, pulmonary, oncologic, frail
CONDITIONS: Final = (
    Condition("I10", "Essential (primary) hypertension", "59621000", "Essential hypertension",
              (0.12, 0.65, 0.70, 0.75, 0.45, 0.35, 0.70), 0.35,
              (Drug("Lisinopril", "29046", "10", "mg", "PO", 1), Drug("Amlodipine", "17767", "5", "mg", "PO", 1))),
    Condition("E119", "Type 2 diabetes mellitus without complications", "44054006", "Diabetes mellitus type 2",
              (0.03, 0.80, 0.28, 0.45, 0.15, 0.12, 0.30), 0.15,
              (Drug("MetFORMIN (Glucophage)", "6809", "500", "mg", "PO", 2), Drug("Insulin", "5856", "4", "UNIT", "SC", 3))),
    Condition("E785", "Hyperlipidemia, unspecified", "55822004", "Hyperlipidemia",
              (0.10, 0.70, 0.65, 0.45, 0.35, 0.25, 0.40), 0.25,
              (Drug("Atorvastatin", "83367", "40", "mg", "PO", 1),)),
    Condition("I2510", "Atherosclerotic heart disease of native coronary artery without angina pectoris", "53741008",
              "Coronary arteriosclerosis", (0.02, 0.18, 0.70, 0.25, 0.20, 0.10, 0.35), 0.35,
              (Drug("Aspirin", "1191", "81", "mg", "PO", 1), Drug("Metoprolol Tartrate", "6918", "25", "mg", "PO", 2))),
    Condition("I509", "Heart failure, unspecified", "84114007", "Heart failure",
              (0.01, 0.06, 0.75, 0.25, 0.15, 0.06, 0.40), 0.30,
              (Drug("Carvedilol", "20352", "6.25", "mg", "PO", 2), Drug("Spironolactone", "9997", "25", "mg", "PO", 1))),
    Condition("I4891", "Unspecified atrial fibrillation", "49436004", "Atrial fibrillation",
              (0.02, 0.06, 0.50, 0.15, 0.12, 0.08, 0.35), 0.40,
              (Drug("Apixaban", "1364430", "5", "mg", "PO", 2),)),
    Condition("N183", "Chronic kidney disease, stage 3 (moderate)", "433144002", "Chronic kidney disease stage 3",
              (0.01, 0.10, 0.22, 0.92, 0.06, 0.08, 0.30), 0.25,
              (Drug("Sevelamer CARBONATE", "214824", "800", "mg", "PO", 3),)),
    Condition("J449", "Chronic obstructive pulmonary disease, unspecified", "13645005", "Chronic obstructive lung disease",
              (0.02, 0.06, 0.15, 0.08, 0.88, 0.15, 0.20), 0.25,
              (Drug("Tiotropium Bromide", "69120", "1", "CAP", "IH", 1), Drug("Albuterol Inhaler", "435", "2", "PUFF", "IH", 4))),
    Condition("C3490", "Malignant neoplasm of unspecified part of unspecified bronchus or lung", "254637007",
              "Non-small cell lung cancer", (0.002, 0.004, 0.01, 0.01, 0.04, 0.80, 0.02), 0.10,
              (Drug("Dexamethasone", "3264", "4", "mg", "PO", 2), Drug("Prochlorperazine", "8704", "10", "mg", "PO", 2))),
    Condition("F0390", "Unspecified dementia without behavioral disturbance", "52448006", "Dementia",
              (0.002, 0.01, 0.04, 0.04, 0.03, 0.02, 0.55), 0.60,
              (Drug("Donepezil", "135447", "10", "mg", "PO", 1),)),
    Condition("K7460", "Unspecified cirrhosis of liver", "19943007", "Cirrhosis of liver",
              (0.01, 0.06, 0.03, 0.04, 0.03, 0.04, 0.04), 0.05,
              (Drug("Lactulose", "6218", "30", "mL", "PO", 3),)),
    Condition("D649", "Anemia, unspecified", "271737000", "Anemia",
              (0.03, 0.08, 0.20, 0.50, 0.12, 0.55, 0.40), 0.15,
              (Drug("Ferrous Sulfate", "24947", "325", "mg", "PO", 1),)),
    Condition("E039", "Hypothyroidism, unspecified", "40930008", "Hypothyroidism",
              (0.06, 0.10, 0.12, 0.12, 0.10, 0.10, 0.18), 0.15,
              (Drug("Levothyroxine Sodium", "10582", "75", "mcg", "PO", 1),)),
    Condition("F329", "Major depressive disorder, single episode, unspecified", "35489007", "Depressive disorder",
              (0.12, 0.18, 0.15, 0.15, 0.22, 0.22, 0.20), -0.05,
              (Drug("Sertraline", "36437", "50", "mg", "PO", 1),)),
    Condition("K219", "Gastro-esophageal reflux disease without esophagitis", "235595009", "Gastroesophageal reflux disease",
              (0.12, 0.25, 0.25, 0.25, 0.30, 0.25, 0.25), 0.10,
              (Drug("Omeprazole", "7646", "20", "mg", "PO", 1),)),
    Condition("Z87891", "Personal history of nicotine dependence", "8517006", "Ex-smoker",
              (0.15, 0.25, 0.40, 0.25, 0.75, 0.55, 0.25), 0.10),
)  # fmt: skip

REASONS: Final = (
    Reason("A419", "Sepsis, unspecified organism", "91302008", "Sepsis", "MED", "Medicine", MICU,
           (Drug("Piperacillin-Tazobactam", "74169", "4.5", "g", "IV", 3), Drug("Vancomycin", "11124", "1000", "mg", "IV", 2)),
           ("871", "SEPTICEMIA OR SEVERE SEPSIS W/O MV >96 HOURS W MCC"), ("720", "SEPTICEMIA & DISSEMINATED INFECTIONS"),
           1.5, (0.5, 0.8, 0.6, 1.2, 0.8, 1.4, 1.2), 0.55, cultures=("blood", "urine")),
    Reason("J189", "Pneumonia, unspecified organism", "233604007", "Pneumonia", "MED", "Medicine", MICU,
           (Drug("CeftriaXONE", "2193", "1", "g", "IV", 1), Drug("Azithromycin", "18631", "250", "mg", "PO", 1)),
           ("193", "SIMPLE PNEUMONIA & PLEURISY W MCC"), ("139", "OTHER PNEUMONIA"),
           1.1, (0.9, 0.7, 0.7, 0.7, 2.0, 1.4, 1.8), 0.15, cultures=("blood", "sputum")),
    Reason("I5023", "Acute on chronic systolic (congestive) heart failure", "443254009", "Acute systolic heart failure",
           "CMED", "Medicine/Cardiology", CCU,
           (Drug("Furosemide", "4603", "40", "mg", "IV", 2), Drug("Potassium Chloride", "8591", "40", "mEq", "PO", 1)),
           ("291", "HEART FAILURE & SHOCK W MCC"), ("194", "HEART FAILURE"),
           1.0, (0.03, 0.3, 4.0, 1.0, 0.6, 0.1, 1.2), 0.1),
    Reason("J441", "Chronic obstructive pulmonary disease with (acute) exacerbation", "195951007",
           "Acute exacerbation of chronic obstructive airways disease", "MED", "Medicine", MICU,
           (Drug("MethylPREDNISolone Sodium Succ", "6902", "60", "mg", "IV", 2),
            Drug("Ipratropium-Albuterol Neb", "214199", "1", "NEB", "NEB", 4)),
           ("190", "CHRONIC OBSTRUCTIVE PULMONARY DISEASE W MCC"), ("140", "CHRONIC OBSTRUCTIVE PULMONARY DISEASE"),
           0.8, (0.05, 0.1, 0.3, 0.1, 5.0, 0.4, 0.5), 0.1),
    Reason("I214", "Non-ST elevation (NSTEMI) myocardial infarction", "401314000", "Acute non-ST segment elevation myocardial infarction",
           "CMED", "Medicine/Cardiology", CCU,
           (Drug("Heparin", "5224", "25000", "UNIT", "IV DRIP", 1), Drug("Clopidogrel", "32968", "75", "mg", "PO", 1)),
           ("282", "ACUTE MYOCARDIAL INFARCTION, DISCHARGED ALIVE W/O CC/MCC"), ("190", "ACUTE MYOCARDIAL INFARCTION"),
           1.0, (0.3, 1.1, 2.2, 0.8, 0.4, 0.2, 0.6), 0.1),
    Reason("I639", "Cerebral infarction, unspecified", "432504007", "Cerebral infarction", "NMED", "Neurology", MICU,
           (Drug("Labetalol", "6185", "10", "mg", "IV", 2),),
           ("065", "INTRACRANIAL HEMORRHAGE OR CEREBRAL INFARCTION W CC"), ("045", "CVA & PRECEREBRAL OCCLUSION W INFARCT"),
           1.2, (0.3, 0.7, 0.9, 0.5, 0.3, 0.3, 0.9), 0.1),
    Reason("K922", "Gastrointestinal hemorrhage, unspecified", "74474003", "Gastrointestinal hemorrhage", "MED", "Med/Surg", MICU,
           (Drug("Pantoprazole", "40790", "40", "mg", "IV", 2),),
           ("378", "G.I. HEMORRHAGE W CC"), ("253", "OTHER & UNSPECIFIED GASTROINTESTINAL HEMORRHAGE"),
           0.9, (0.7, 0.6, 0.7, 0.8, 0.4, 0.7, 0.7), 0.05),
    Reason("N179", "Acute kidney failure, unspecified", "14669001", "Acute kidney failure syndrome", "MED", "Medicine", MICU,
           (Drug("Sodium Bicarbonate", "36676", "650", "mg", "PO", 3),),
           ("683", "RENAL FAILURE W CC"), ("469", "ACUTE KIDNEY INJURY"),
           1.0, (0.2, 0.5, 0.6, 3.2, 0.2, 0.6, 0.7), 0.15),
    Reason("E1165", "Type 2 diabetes mellitus with hyperglycemia", "80394007", "Hyperglycemia", "MED", "Medicine", MICU,
           (Drug("Insulin Human Regular", "253182", "5", "UNIT", "IV DRIP", 2),),
           ("638", "DIABETES W CC"), ("420", "DIABETES"),
           0.5, (0.05, 1.8, 0.2, 0.4, 0.05, 0.05, 0.1), -0.1),
    Reason("N390", "Urinary tract infection, site not specified", "68566005", "Urinary tract infectious disease", "MED", "Medicine", MICU,
           (Drug("Ciprofloxacin HCl", "2551", "500", "mg", "PO", 2),),
           ("690", "KIDNEY & URINARY TRACT INFECTIONS W/O MCC"), ("463", "KIDNEY & URINARY TRACT INFECTIONS"),
           0.6, (0.6, 0.7, 0.4, 0.7, 0.3, 0.4, 1.6), -0.3, cultures=("urine",)),
    Reason("I350", "Nonrheumatic aortic (valve) stenosis", "60573004", "Aortic valve stenosis", "CSURG", "Cardiac Surgery", CVICU,
           (Drug("PHENYLEPHrine", "8163", "50", "mg", "IV DRIP", 1), Drug("Ketorolac", "35827", "15", "mg", "IV", 3)),
           ("266", "ENDOVASCULAR CARDIAC VALVE REPLACEMENT W MCC"), ("163", "CARDIAC VALVE PROCEDURES W/O AMI OR COMPLEX PDX"),
           0.7, (0.05, 0.2, 1.5, 0.4, 0.2, 0.02, 0.6), 0.2, elective=True,
           procedure=Procedure("02RF38Z", "Replacement of Aortic Valve with Zooplastic Tissue, Percutaneous Approach",
                               "725351001", "Transcatheter aortic valve implantation")),
    Reason("M1711", "Unilateral primary osteoarthritis, right knee", "239873007", "Osteoarthritis of knee", "ORTHO", "Med/Surg", SICU,
           (Drug("OxyCODONE (Immediate Release)", "7804", "5", "mg", "PO", 4), Drug("CefazoLIN", "2180", "2", "g", "IV", 2)),
           ("470", "MAJOR JOINT REPLACEMENT OR REATTACHMENT OF LOWER EXTREMITY W/O MCC"), ("302", "KNEE JOINT REPLACEMENT"),
           0.4, (2.0, 1.6, 0.6, 0.4, 0.5, 0.1, 0.4), -0.3, elective=True,
           procedure=Procedure("0SRC0J9", "Replacement of Right Knee Joint with Synthetic Substitute, Cemented, Open Approach",
                               "609588000", "Total knee replacement")),
    Reason("C187", "Malignant neoplasm of sigmoid colon", "363410008", "Malignant tumor of sigmoid colon", "SURG", "Med/Surg", SICU,
           (Drug("MetRONIDAZOLE (FLagyl)", "6922", "500", "mg", "IV", 3), Drug("HYDROmorphone (Dilaudid)", "3423", "0.5", "mg", "IV", 4)),
           ("330", "MAJOR SMALL & LARGE BOWEL PROCEDURES W CC"), ("221", "MAJOR SMALL & LARGE BOWEL PROCEDURES"),
           0.7, (0.5, 0.4, 0.3, 0.3, 0.3, 2.5, 0.3), 0.1, elective=True,
           procedure=Procedure("0DTN0ZZ", "Resection of Sigmoid Colon, Open Approach", "84604002", "Sigmoid colectomy")),
)  # fmt: skip

EVERYONES_DRUGS: Final = (
    (Drug("Acetaminophen", "161", "650", "mg", "PO", 3), 0.7),
    (Drug("Docusate Sodium", "82003", "100", "mg", "PO", 2), 0.5),
    (Drug("Enoxaparin Sodium", "67108", "40", "mg", "SC", 1), 0.6),
)
"""Drugs ordered by habit, with the chance of an order: they say nothing about the patient."""

VENTILATION: Final = Item(
    225792, "Invasive Ventilation", "Invasive Ventilation", "procedureevents", "2-Ventilation", None, "Processes"
)
NOREPINEPHRINE: Final = Item(
    221906, "Norepinephrine", "Norepinephrine", "inputevents", "Medications", "mg", "Solution"
)
PROPOFOL: Final = Item(222168, "Propofol", "Propofol", "inputevents", "Medications", "mg", "Solution")
SALINE: Final = Item(225158, "NaCl 0.9%", "NaCl 0.9%", "inputevents", "Fluids/Intake", "mL", "Solution")
ADMISSION_WEIGHT: Final = Item(
    226512, "Admission Weight (Kg)", "Admission Weight (Kg)", "chartevents", "General", "kg", "Numeric"
)
ITEMS: Final = (VENTILATION, NOREPINEPHRINE, PROPOFOL, SALINE, ADMISSION_WEIGHT)
INPUT_RXNORM: Final = {221906: "7512", 222168: "8782", 225158: "9863"}
VENTILATION_SNOMED: Final = ("40617009", "Artificial respiration")

VENTILATED: Final = Procedure(
    "5A1945Z", "Respiratory Ventilation, 24-96 Consecutive Hours", "40617009", "Artificial respiration"
)
CENTRAL_LINE: Final = Procedure(
    "02HV33Z", "Insertion of Infusion Device into Superior Vena Cava, Percutaneous Approach", "233527006",
    "Central venous cannula insertion",
)  # fmt: skip

RESPIRATORY_FAILURE: Final = (
    "J9601",
    "Acute respiratory failure with hypoxia",
    "65710008",
    "Acute respiratory failure",
)
SEPTIC_SHOCK: Final = ("R6521", "Severe sepsis with septic shock", "76571007", "Septic shock")
HYPOTENSION: Final = ("I959", "Hypotension, unspecified", "45007003", "Low blood pressure")
OBESITY: Final = ("E669", "Obesity, unspecified", "414916001", "Obesity")
ACUTE_KIDNEY_FAILURE: Final = (
    "N179",
    "Acute kidney failure, unspecified",
    "14669001",
    "Acute kidney failure syndrome",
)
COMPLICATIONS: Final = (RESPIRATORY_FAILURE, SEPTIC_SHOCK, HYPOTENSION, OBESITY, ACUTE_KIDNEY_FAILURE)
"""Diagnoses that follow from what the records of the stay show, so that they add nothing to them."""

CULTURES: Final = {
    "blood": Culture(70012, "BLOOD CULTURE", 90201, "Blood Culture, Routine", "600-7",
                     ((80002, "ESCHERICHIA COLI", "112283007"), (80023, "STAPH AUREUS COAG +", "3092008"))),
    "urine": Culture(70079, "URINE", 90039, "URINE CULTURE", "630-4",
                     ((80002, "ESCHERICHIA COLI", "112283007"), (80004, "KLEBSIELLA PNEUMONIAE", "56415008"))),
    "sputum": Culture(70062, "SPUTUM", 90055, "RESPIRATORY CULTURE", "6463-4",
                      ((80023, "STAPH AUREUS COAG +", "3092008"), (80026, "PSEUDOMONAS AERUGINOSA", "52499004"))),
}  # fmt: skip
GROWTH: Final = {"blood": 0.15, "urine": 0.4, "sputum": 0.3}
"""Chance that something grows; by kind of culture only, so that it says nothing about the patient."""

RACES: Final = (
    ("WHITE", 0.62, "2106-3", "White"),
    ("BLACK/AFRICAN AMERICAN", 0.16, "2054-5", "Black or African American"),
    ("HISPANIC OR LATINO", 0.08, "2131-1", "Other Race"),
    ("ASIAN", 0.05, "2028-9", "Asian"),
    ("OTHER", 0.04, "2131-1", "Other Race"),
    ("UNKNOWN", 0.05, "UNK", "Unknown"),
)
"""Name in MIMIC-IV, share, and code and display of the OMB category in FHIR."""
