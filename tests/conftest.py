"""Hypothesis profiles: `dev` by default, `ci` derandomised, `thorough` for a long night; HYPOTHESIS_PROFILE chooses."""

import os

from hypothesis import HealthCheck, settings

_calm = {"deadline": None, "suppress_health_check": [HealthCheck.too_slow, HealthCheck.data_too_large]}
settings.register_profile("dev", max_examples=50, **_calm)
settings.register_profile("ci", max_examples=60, derandomize=True, **_calm)
settings.register_profile("thorough", max_examples=2000, **_calm)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "dev"))
