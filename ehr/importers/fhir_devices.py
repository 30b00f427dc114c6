"""Devices and supplies: Device, DeviceUseStatement and SupplyDelivery of FHIR R4 as events.

The rules are in docs/fhir.md. Serial numbers and other identifiers of a device tell the patient: they are not kept.
"""

from ehr.events import UNKNOWN
from ehr.importers.fhir_codes import Concept, concept
from ehr.importers.fhir_dates import moment
from ehr.importers.fhir_record import (
    PLANNED,
    TIMING,
    Record,
    add_coded,
    begin,
    fact,
    later,
    optional_status,
    set_subject,
    span,
)
from ehr.importers.fhir_values import (
    NOTHING,
    Json,
    LeftOut,
    Notes,
    Refused,
    as_object,
    as_objects,
    as_text,
    at_fault,
    element,
    elements,
    no_modifier,
    quantity,
)
from ehr.reasons import Reason


def device(resource: Json, record: Record) -> None:
    """A device: when it is a patient's, an event without a time, since none of its dates says when it was used.

    What it is also names the device for the statements that refer to it.
    """
    status = optional_status("Device", resource)
    named = _kind(resource, record.notes)
    if named.is_absence:
        raise LeftOut("type says that there is none: left out")
    record.product = named
    if resource.get("patient"):
        set_subject(resource, "patient", record)
        add_coded(record, "DEVICE", named, None, status=status)


def _kind(resource: Json, notes: Notes) -> Concept:
    """Return what a device is: its type, else one of its names."""
    if resource.get("type"):
        return concept(resource["type"], "type", notes)
    for name in elements(resource.get("deviceName"), "deviceName"):
        if as_text(name.get("name"), "deviceName.name"):
            return concept({"text": name["name"]}, "deviceName", notes)
    notes.append((Reason.NO_CODE, "no type: kept as UNK"))
    return Concept(UNKNOWN, None, None, (), None, ())


def device_use(resource: Json, record: Record) -> None:
    """The use of a device, from when it was used and told, with the part of the body as coded text."""
    status = begin("DeviceUseStatement", resource, record)
    start, end = span(resource, TIMING, record.notes)
    time = later(start, moment(resource.get("recordedOn"), "recordedOn", record.notes))
    site = resource.get("bodySite")
    value = NOTHING
    if site:
        shown = concept(site, "bodySite", record.notes)
        value = (None, shown.text, None, shown.code)
    reference = as_object(resource.get("device") or {}, "device")
    text = as_text(reference.get("reference"), "device.reference")
    if text is None:
        named = concept({"text": reference.get("display")}, "device", record.notes)
        add_coded(record, "DEVICE", named, time, end=end, status=status, value=value)
    elif text.startswith("#"):
        named = _contained(resource, text[1:], record.notes)
        add_coded(record, "DEVICE", named, time, end=end, status=status, value=value)
    else:
        key = record.scope.resolve(text, "device")
        record.add(time, None, None, value=value, end=end, status=status, named_by=key)


def _contained(resource: Json, name: str, notes: Notes) -> Concept:
    """Return what the contained Device of that id is."""
    for inner in as_objects(resource.get("contained"), "contained"):
        if inner.get("id") == name and inner.get("resourceType") == "Device":
            no_modifier(inner, "contained Device")
            optional_status("Device", inner)
            return _kind(inner, notes)
    raise Refused(
        "device is not among the contained resources",
        at_fault("device.reference", f"#{name}"),
        code=Reason.BAD_REFERENCE,
    )


def supply_delivery(resource: Json, record: Record) -> None:
    """A supply that was delivered to the patient, with its amount."""
    status = optional_status("SupplyDelivery", resource)
    if not resource.get("patient"):
        raise LeftOut("no patient: a delivery of stock is left out", code=Reason.NOT_IMPORTED)
    set_subject(resource, "patient", record)
    time, end = span(resource, PLANNED, record.notes)
    item = element(resource.get("suppliedItem"), "suppliedItem")
    amount = item.get("quantity")
    value = NOTHING if amount is None else quantity(amount, "suppliedItem.quantity", record.notes)
    named = item.get("itemCodeableConcept") or {
        "text": as_object(item.get("itemReference") or {}, "suppliedItem.itemReference").get("display")
    }
    add_coded(record, "SUPPLY", fact(named, "suppliedItem.item", record), time, end=end, status=status, value=value)
