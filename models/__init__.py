"""Learning from timelines and labels, and foreseeing with what was learnt."""

import os

# Read once, when torch loads. Threads that spin while they wait make training ten times slower on cores that others
# use too, and cost nothing measurable to put to sleep on idle ones (docs/decisions.md).
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
