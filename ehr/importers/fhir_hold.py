"""Which files of a batch wait for later ones: those with records that name what may still come."""

from collections.abc import Collection
from typing import Final

from ehr.importers.fhir_links import resolve_searches
from ehr.importers.fhir_pile import Mark
from ehr.importers.fhir_stage import Staging

PRODUCTS: Final = ("Medication", "Device")


def hold_back(staging: Staging, may_come: Collection[str]) -> list[int]:
    """Set files aside whose records name something of a type in `may_come` that is nowhere yet; return their ids.

    A file that names what stands in such a file waits with it, so that each file goes in as a whole and is judged
    when all that it names is there, or nothing more comes.
    """
    staging.flush()
    if Mark.SEARCHED in staging.marks:
        resolve_searches(staging)
        staging.flush()
    held: list[int] = []
    while True:
        found = _waiting(staging, may_come, held)
        if not found:
            break
        held += found
    if held:
        staging.set_aside(held)
    return held


def _waiting(staging: Staging, may_come: Collection[str], held: list[int]) -> list[int]:
    """Return the files that name something which is neither in the store nor in a file that does not wait."""
    product_types = [name for name in PRODUCTS if name in may_come]
    rows = staging.con.execute(
        """
        WITH here AS (
            SELECT ordinal, source_id, type, kind, record_id, subject_id, subject, encounter_id, encounter
            FROM fhir_record WHERE NOT list_contains($held, source_id) AND kind = 'content'
        ),
        patient AS (SELECT subject_id FROM here WHERE type = 'Patient' UNION ALL SELECT subject_id FROM subject),
        stay AS (
            SELECT encounter_id FROM here WHERE type = 'Encounter'
            UNION ALL SELECT encounter_id FROM encounter WHERE encounter_id IN (SELECT encounter_id FROM fhir_record)
        ),
        thing AS (
            SELECT record_id FROM here WHERE type IN ('Medication', 'Device')
            UNION ALL SELECT record_id FROM product
        )
        SELECT source_id FROM here ANTI JOIN patient USING (subject_id)
        WHERE subject IS NOT NULL AND ($patients OR len($held) > 0)
        UNION
        SELECT source_id FROM here ANTI JOIN stay USING (encounter_id)
        WHERE (encounter IS NOT NULL OR encounter_id IS NOT NULL) AND ($stays OR len($held) > 0)
        UNION
        SELECT source_id FROM here JOIN (SELECT ordinal, named_by FROM fhir_event WHERE code IS NULL) USING (ordinal)
        ANTI JOIN thing ON thing.record_id = named_by
        WHERE list_contains($products, split_part(named_by, '/', 1)) OR len($held) > 0
        """,
        {
            "held": held,
            "patients": "Patient" in may_come,
            "stays": "Encounter" in may_come,
            "products": product_types,
        },
    ).fetchall()
    return [source_id for (source_id,) in rows]
