"""Measured claims: each module has `run() -> Result`, which measures and says figure and goal in a sentence."""
