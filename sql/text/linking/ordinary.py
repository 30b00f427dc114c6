"""Ordinary words: what questions about records are made of; it takes a sign nearby to read them as names.

A drug may be called "bag", a laboratory test "other", an insurance "other" and a route "id". Such names link only
next to a word that announces their kind ("a bag prescription", "the id route").
"""

from typing import Final

from sql.text.words import stem

_FUNCTION: Final = """
a about above across after again against ago all also am among an and another any anyone anything are around as at
be because been before being below between both but by calculate can check compute could count describe determine
did didn't display do does doing don't done down during each either else ever every explain fetch few find first for
found from further get gets getting give given gives go goes going gone got had has have having he hello her here
hers hey hi him his how however i i'd i'm identify if in indicate inform information into is ist it its itself just
kindly know last least less let like list look made make many may me mention might more most much must my name named
names near need neither no nor not now of off often ok on once only onto or other others our out over own per please
possible previously provide report retrieve return same say see shall she should show since so some someone specify
such take taken takes tell than thank thanks that the their them then there these they this those through throughout
till to today tomorrow too toward under until up upon us use used using very via want wants was we well were what
what's whatever whats when whenever where whether which while who who's whom whose why will wish with within without
would yesterday yet you your
"""
_ASKING: Final = """
accepted account acquire acquired act admission admissions admit admits admitted age aged ages air alive amount
amounts average avg bag bed been begin beginning body brand came care careunit case cases cause caused change
changed changes charge charged code come comes common commonly compare compared comparison condition conditions
conduct conducted confirm cost costs count counts course current currently daily data date dates day days dead death
deaths delete deliver delivered department detail details detect detected diagnose diagnosed diagnoses diagnosis
diagnostic died differ difference different discharge discharged disease diseases doctor dosage dose doses drug
drugs duration earliest early ed elapsed emergency encounter encounters end enter entered entry episode event events
examination examine expired file final first five flow follow followed following form four frequency frequent
frequently gender general go great greater group groups half health height held high higher highest history hold
home hospital hospitalization hospitals hour hours icu id incident individual individuals input inputs insurance
intake intensive item items kind lab label laboratory labs language large largest late latest leave left length
level levels line list little live lived location long longest low lower lowest marital max maximum mean means
measure measured measurement measurements measures median medical medicare medication medications medicine medicines
method microbiological microbiology min minimum minute minutes monitor month monthly months mortality most negative
new next night normal note number numbers observation observed obtain occur occurred occurrence occurring old older
one open operation option order ordered orders organism organisms outcome outcomes output outputs pass passed past
patient patients people percent percentage percentile perform performed period person persons place plan point
positive prescribe prescribed prescribes prescription prescriptions presence present previous previously prior
private problem procedure procedures process quantity question range rank rate ratio read reading readings reason
receive received receiving recent recently record recorded records register registered relation release remain
replace reported request requested require required respect rest result results retrieve room rooms rule run same
sample schedule score second sex shift show sign significant similar simple single site size small smallest source
special specific specified specimen specimens standard start started state status stay stayed stays stop stopped
study subject subjects sum summary surgery surgical survival syringe system taking tap term test tested testing
tests thing third three time times top total transfer transferred transfers treat treated treatment treatments two
type types undergo undergone underwent unit units unknown use value values vial view visit visited visits volume
volumes ward wards water way week weekly weeks white work year yearly years yes young
"""
_ACTING: Final = """
accumulate accumulated achieve add added additional administer administered administering administrated affect
affected afterward afterwards already amongst applied apply assess assessed assign assigned associate associated
attend attended available base based belong big both bring brought build call called carried carry choose chosen
clear close collect collected complete completed concern consist consume consumed consumption contain contains
continue continued correct corresponding cover create dead decrease decreased depart departed describe discover
discovered document documented draw drawn due earlier eight elevated entire equal especially estimate exact exactly
except execute executed exist existing expect expected expenditure expense expenses experience experienced expose
exposed fall fell finish finished fit found frequently fully gather gathered generate generated gotten guess happen
happened help hospitalize hospitalized identified identify illness include included includes including increase
increased ingest ingested inject injected instance instances instead intend involve involved involves involving keep
kept know known late leading learn least likely listed look lose lost main mainly manage managed many match matched
medically meds microbe microbial microbiologic monitored move moved namely near necessary newly nine nurse occasion
occasionally operate operated otherwise overall part particular particularly pay payment performing physician
popular post preceding present presently prevalence prevalent price prices primary proportion provide provided
purchase purchased put rather recurrent refer referred regarding related remained repeatedly respective respectively
reveal revealed right section select send sent separate set seven several simultaneously six sort spend spent
staying step suffer suffered suffering suggest sum suppose sure tally ten title together told took try turn typical
typically undergoing undertake undertaken undertook unique usual usually utilize variety various versus want wish
word work worth write yield
"""
ORDINARY: Final = frozenset(stem(word) for word in (_FUNCTION + _ASKING + _ACTING).split())
FUNCTION: Final = frozenset(stem(word) for word in _FUNCTION.split())

# Behind these a single letter is a measured value, as in front of "level": "the last k of patient 7".
PICKING: Final = frozenset({"last", "latest", "first", "highest", "lowest", "maximum", "minimum", "mean", "average"})
LEVEL: Final = frozenset({"level"})
