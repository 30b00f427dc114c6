"""Validating resources with fhir.resources: slower, and all of R4B is checked, not only what is read.

The only module that imports fhir.resources.
"""

from fhir.resources.R4B import get_fhir_model_class
from pydantic import ValidationError

from ehr.importers.fhir_values import Json


def problem_with(resource: Json) -> str | None:
    """Return what is wrong with a resource by R4B, field and kind of fault without its value; None when it is valid.

    Types that R4 has and R4B has not are not checked.
    """
    try:
        model = get_fhir_model_class(resource["resourceType"])
    except ValueError:
        return None
    try:
        model.model_validate(resource)
    except ValidationError as error:
        faults = error.errors(include_url=False, include_context=False, include_input=False)
        where = ".".join(str(part) for part in faults[0]["loc"]) or resource["resourceType"]
        more = f" and {len(faults) - 1} more" if len(faults) > 1 else ""
        return f"not valid R4B: {where} ({faults[0]['type']}){more}"
    except RecursionError:
        return "not valid R4B: nested too deeply"
    return None
