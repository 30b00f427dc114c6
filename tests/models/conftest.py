"""Imports models before any test imports torch, so that its threads wait as the package asks."""

import models  # noqa: F401
