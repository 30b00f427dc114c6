"""Answering questions about records over a foreign schema: from the words to rows, or to an honest refusal."""
