# ruff: noqa: E501  (a table has a line for each of its rows)
"""Common procedures as families of codes; the table is read as that of `conditions`."""

from typing import Final

from sql.text.conditions import read_families

# The titles also name charted procedures of MIMIC-IV, such as "Invasive Ventilation".
_PROCEDURES: Final = """
invasive ventilation | invasive mechanical ventilation | 5A1935Z 5A1945Z 5A1955Z | 9670 9671 9672 | invasive ventilation, mechanical ventilation
mechanical ventilation | mechanically ventilated, ventilated | 5A1935Z 5A1945Z 5A1955Z | 9670 9671 9672 | invasive ventilation, mechanical ventilation
noninvasive ventilation | niv, bipap, cpap | 5A09357 5A09457 5A09557 | 9390 | noninvasive ventilation
intubation | endotracheal intubation, intubated | 0BH17EZ 0BH18EZ | 9604 | intubation not extubation
extubation | extubated | | | extubation
dialysis | renal replacement therapy, rrt | 5A1D | 3995 5498 | dialysis, hemodialysis, crrt, cvvhdf, hemofiltration not catheter, education
hemodialysis | haemodialysis | 5A1D | 3995 | hemodialysis not catheter
crrt | continuous renal replacement therapy, cvvh, cvvhd, cvvhdf | 5A1D90Z 5A1D60Z | | crrt, cvvhd, cvvhdf, continuous renal replacement therapy
cabg | coronary artery bypass graft, coronary artery bypass grafting, coronary bypass, bypass surgery, coronary artery bypass | 0210 0211 0212 0213 | 361 | coronary artery bypass
pci | percutaneous coronary intervention, coronary angioplasty, coronary stenting, coronary stent | 0270 0271 0272 0273 | 0066 3606 3607 | percutaneous coronary intervention, coronary angioplasty
colonoscopy | | 0DJD8ZZ | 4523 | colonoscopy
blood transfusion | transfusion, transfusions, red cell transfusion, rbc transfusion | 30233N1 30243N1 30233N0 30243N0 | 9904 | transfusion of packed red blood cell, blood transfusion, transfusion of red blood cell
paracentesis | abdominal paracentesis | 0W9G3ZX 0W9G3ZZ 0W9G30Z | 5491 | paracentesis
thoracentesis | | 0W993ZX 0W993ZZ 0W9B3ZX 0W9B3ZZ | 3491 | thoracentesis
lumbar puncture | spinal tap | 009U3ZX | 0331 | lumbar puncture
tracheostomy | | 0B110F4 0B110Z4 0B113F4 0B113Z4 | 311 3121 3129 | tracheostomy
ecmo | extracorporeal membrane oxygenation | 5A1522F 5A1522G 5A1522H 5A15223 | 3965 | ecmo, extracorporeal membrane oxygenation
cardiac catheterization | heart catheterization, cardiac cath, left heart catheterization | 4A020N6 4A020N7 4A020N8 4A023N6 4A023N7 4A023N8 | 3721 3722 3723 | cardiac catheterization
"""

PROCEDURES: Final = read_families(_PROCEDURES)
