"""Records, timelines and the store; imports nothing else of the project."""
