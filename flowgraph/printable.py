"""Text that a terminal, a page, a picture or a comment of code takes as it stands: on one line, without commands."""

from __future__ import annotations

from collections.abc import Iterable
from unicodedata import category


def printable(text: str) -> str:
    r"""The text with every character that is not printable written out, as `repr` writes it; spaces stay.

    Line ends of every kind, control characters, marks that turn the direction of writing, lone surrogates and
    characters that Unicode leaves open are written as escapes.

    >>> from flowgraph.printable import printable
    >>> print(printable("layer1\n\x1b[2J"))
    layer1\n\x1b[2J
    """
    if text.isprintable():
        return text
    return "".join(sign if sign.isprintable() or category(sign) == "Zs" else _written_out(sign) for sign in text)


def printable_lines(text: str) -> str:
    """The same of each line, where the text has several on purpose."""
    return "\n".join(map(printable, text.split("\n")))


def shorten_text(text: str, most: int = 300) -> str:
    """The text, where it is longer without the middle of long words, such as paths, or else without its own.

    Words are cut from the front on, so that the way out at the end, such as a command to copy, stays as it is.

    >>> from flowgraph.printable import shorten_text
    >>> shorten_text("/tmp/" + "a" * 300 + ".csv: not there; see /tmp", most=60)
    '/tmp/aaaaaaaaaaaaaa...aaaaaaaaaaaaa.csv: not there; see /tmp'
    """
    words = text.split(" ")
    for place, word in enumerate(words):
        left = max(len(word) - max(len(text) - most, 0), _LEAST)
        if len(word) > left:
            words[place] = f"{word[: left // 2 - 1]}...{word[-(left - left // 2 - 2) :]}"
            text = " ".join(words)
    if len(text) <= most:
        return text
    end = most // 3
    return f"{text[: most - end - 5]} ... {text[-end:]}"


_LEAST = 40
"""Characters that are left of a long word."""


def why_not_a_name(text: object) -> str | None:
    """What keeps a text from being the name of a box or a scope, in words to follow "found ...,"; None if nothing."""
    if not isinstance(text, str) or not text or text != text.strip():
        return "needs a text that is not empty and has no space at its ends"
    if not text.isprintable():
        sign = next(sign for sign in text if not sign.isprintable())
        return f"needs printable text; leave out {sign!r} (U+{ord(sign):04X})"
    return None


def _written_out(sign: str) -> str:
    return sign.encode("unicode_escape").decode()


def near_names(name: str, known: Iterable[str], cutoff: float = 0.5) -> list[str]:
    """Up to three of the known names that are spelt like a name, the nearest first."""
    from difflib import get_close_matches  # only asked by errors

    return get_close_matches(name, list(known), 3, cutoff)
