"""What comes back from a session, in forms that read well in a script."""

from __future__ import annotations

import base64
import json
from typing import Any, Dict, Mapping


class Fields(Dict[str, Any]):
    """A JSON object whose members are attributes as well: ``reply.approve`` is ``reply["approve"]``.

    A member wins over a method of ``dict`` with its name, so that a question may ask for ``items``; names that start
    with an underscore are members only as ``reply["_name"]``.
    """

    def __init__(self, members: Mapping[str, Any]) -> None:
        super().__init__({name: with_fields(value) for name, value in members.items()})

    def __getattribute__(self, name: str) -> Any:
        if not name.startswith("_") and dict.__contains__(self, name):
            return dict.__getitem__(self, name)
        return super().__getattribute__(name)

    def __getattr__(self, name: str) -> Any:
        names = ", ".join(dict.keys(self)) or "none"
        raise AttributeError(f"there is no field {name!r} here; the fields are: {names}")

    def __repr__(self) -> str:
        return f"{type(self).__name__}({dict.__repr__(self)})"

    def __reduce__(self) -> Any:
        return (type(self), (dict(self),))


class Reply(Fields):
    """The answer to a question. ``approve`` is always there; the rest is what the question's schema asked for."""


class Answer(Fields):
    """What ``fetch`` brought: ``status``, ``headers``, ``url``, ``truncated`` and the body as text, bytes or JSON."""

    @property
    def content(self) -> bytes:
        body = dict.get(self, "body", "")
        return base64.b64decode(body) if dict.get(self, "encoding") == "base64" else str(body).encode()

    @property
    def text(self) -> str:
        return self.content.decode("utf-8", "replace")

    def json(self) -> Any:
        return json.loads(self.content)


def with_fields(value: Any) -> Any:
    """The same value, objects in it as :class:`Fields`."""
    if isinstance(value, Fields):
        return value
    if isinstance(value, dict):
        return Fields(value)
    if isinstance(value, list):
        return [with_fields(each) for each in value]
    return value
