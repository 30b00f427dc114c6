"""Asking the store: guarded SQL, the task language, English."""
