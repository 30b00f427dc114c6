"""Measured claims: each module has `run() -> Result`, which measures and says the figure and the goal in a sentence."""
