"""The boxes whose lines are not right yet, by what is found of some; each of these lists only gets shorter."""

from __future__ import annotations

from collections.abc import Mapping

_VALUES = {
    "edge": """
        Exprel LogRatio BoxCox BoxCox1p ReciprocalGamma
    """,
}
_GRADIENTS = {
    "edge": """
        Expn Spence ReciprocalGamma
    """,
    "unread": """
        Others
    """,
    "wrong": """
        Pinv
    """,
}


def _by_name(lists: Mapping[str, str]) -> dict[str, str]:
    return {name: found for found, names in lists.items() for name in names.split()}


VALUES = _by_name(_VALUES)
"""What is found of lines of values."""

GRADIENTS = _by_name(_GRADIENTS)
"""What is found of lines of gradients."""
