"""Learning from timelines and labels, and foreseeing with what was learnt."""
