"""The timeline of one patient out of 50 million events, against a look at every event for those of the patient.

The events are made in SQL and go in as an import; TIMELINE_EVENTS sets another number of them.
"""

import os
import shutil
import statistics
import tempfile
from pathlib import Path

from benchmarks.machine import Result, seconds
from ehr.intake import Intake
from ehr.lookup import TimelineFilter, find_subject, subject_events
from ehr.store import Store, create_store, open_store, opened

EVENTS = int(os.environ.get("TIMELINE_EVENTS", "50000000"))
EVENTS_EACH = 500
GOAL_SECONDS = 0.010
PATIENTS = tuple(range(1, 40, 2))


def run() -> Result:
    """Make the store, ask for twenty patients twice, and compare the second, warm time with the scan."""
    folder = Path(tempfile.mkdtemp(prefix="anamnesis-benchmark-"))
    try:
        with opened(create_store(folder / "store", memory="4GB")) as store:
            _fill(store)
        with opened(open_store(folder / "store")) as store:
            numbers = [EVENTS // EVENTS_EACH // 40 * place for place in PATIENTS]
            for number in numbers:
                _timeline(store, number)
            warm = statistics.median(seconds(lambda number=number: _timeline(store, number)) for number in numbers)
            scan = min(seconds(lambda: _scan(store, numbers[0])) for _ in range(3))
    finally:
        shutil.rmtree(folder)
    return Result(
        f"timeline of one patient of {EVENTS:,} events: {warm * 1000:.1f} ms warm (median of {len(numbers)}; goal: "
        f"at most {GOAL_SECONDS * 1000:.0f} ms), {scan / warm:.1f} times as fast as a scan",
        warm <= GOAL_SECONDS,
    )


def _fill(store: Store) -> None:
    """Import made events: EVENTS_EACH for each patient, over a thousand codes and ten years, in no order."""
    intake = Intake(store, "meds", Path())
    entry = intake.begin("made", "made")
    entry.stage_later(
        f"""
        SELECT i % {EVENTS // EVENTS_EACH} AS subject_id,
               TIMESTAMP '2100-01-01' + to_seconds(hash(i) % 315360000) AS "time",
               'LAB//' || (hash(i, 1) % 1000) || '//mg/dL' AS code, (hash(i, 2) % 1000 / 10)::FLOAT AS numeric_value,
               'mg/dL' AS unit, i AS event_order
        FROM range({EVENTS}) AS made(i)
        """
    )
    entry.tally("made", rows_in=EVENTS, accepted=EVENTS)
    intake.commit()


def _timeline(store: Store, subject_id: int) -> int:
    """Do what `ehr timeline` does; return the number of events."""
    subject = find_subject(store, str(subject_id))
    events, total = subject_events(store, subject.subject_id, TimelineFilter(limit=EVENTS_EACH))
    assert len(events) == total == EVENTS_EACH
    return total


def _scan(store: Store, subject_id: int) -> int:
    """Look at every event for those of a patient: the sum keeps row groups from being skipped."""
    query = f'SELECT "time", code, numeric_value FROM event WHERE subject_id + 0 = {subject_id} ORDER BY "time"'
    return len(store.cursor().execute(query).fetchall())


if __name__ == "__main__":
    print(run().text)
