"""Made patients whose true risks are known."""
