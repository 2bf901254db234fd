"""Where the session is, and what proves that one may talk to it."""

from __future__ import annotations

import os
import re
from typing import NamedTuple, Optional, Tuple

from .errors import NoChannel


class Address(NamedTuple):
    host: str
    port: int


_FORM = re.compile(r"tcp://(127\.0\.0\.1|\[::1\]):([1-9][0-9]{0,4})")


def find_channel(channel: Optional[str], token: Optional[str]) -> Tuple[Address, str]:
    """What was given, else what the environment says. Raises :class:`NoChannel`."""
    channel = channel or _from_environment("CHANNEL")
    token = token or _from_environment("TOKEN")
    if not channel or not token:
        raise NoChannel(
            "this program has no session to talk to",
            {"hint": "start it with sandboxed-run --grant CAPABILITY, for example --grant checkpoint"},
        )
    found = _FORM.fullmatch(channel)
    if found is None or int(found.group(2)) > 65535:
        raise NoChannel(f"{channel!r} is no channel", {"hint": "it looks like tcp://127.0.0.1:PORT"})
    return Address(found.group(1).strip("[]"), int(found.group(2))), token


def _from_environment(name: str) -> Optional[str]:
    return os.environ.get(f"SANDBOXED_{name}") or os.environ.get(f"CODEX_{name}")
