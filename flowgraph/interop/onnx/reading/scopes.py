"""Names and scopes of a model, refused where they are no printable text."""

from __future__ import annotations

from flowgraph.box.vocabulary import Foreign
from flowgraph.errors import SavedFileError
from flowgraph.printable import why_not_a_name
from flowgraph.saving.limits import excerpt


def checked_name(text: str) -> str:
    """The name, if it is one that flowgraph takes."""
    problem = why_not_a_name(text)
    if problem is not None:
        raise SavedFileError(f"found the name {excerpt(repr(text))}, {problem}")
    return text


def scope_of_parts(parts: list[str]) -> str:
    """The scope of a path of modules, of which the outer 32 are kept."""
    return "".join(f"{checked_name(part)}/" for part in parts[:32])


def check_texts(message: Foreign) -> None:
    """Refuse a message of protobuf with a text that is no UTF-8, which some versions of it then read as bytes."""
    for field, value in message.ListFields():
        if field.type not in (field.TYPE_STRING, field.TYPE_MESSAGE):
            continue
        for one in [value] if isinstance(value, str | bytes) or hasattr(value, "ListFields") else value:
            if isinstance(one, bytes):
                raise SavedFileError(f"found {one[:40]!r} as {field.name}, needs UTF-8")
            if field.type == field.TYPE_MESSAGE:
                check_texts(one)
