"""JSON-RPC 2.0, one object a line: bytes to and from values, with no input or output of its own."""

from __future__ import annotations

import json
from typing import Any, Dict, List, NamedTuple, Optional, Union

from .calls import Call
from .errors import ProtocolError, SessionError, error_from
from .values import Fields

#: What this client calls itself, and what it can take.
HELLO = {"client": "sandboxed-python", "accepts": {"images": False}}

#: No answer is longer than this; a line that is comes from somebody else.
MOST_BYTES = 64 * 1024 * 1024


class Outcome(NamedTuple):
    """The answer to one request."""

    id: Any
    result: Any
    error: Optional[SessionError]


class Progress(NamedTuple):
    """How far the call with this number is."""

    id: int
    report: Fields


def request_line(number: int, call: Call) -> bytes:
    """Raises ``TypeError`` or ``ValueError`` for what JSON cannot say; then nothing is sent."""
    asked = {} if call.on_progress is None else {"_meta": {"progressToken": number}}
    message: Dict[str, Any] = {"jsonrpc": "2.0", "id": number, "method": call.method, "params": {**call.params, **asked}}
    return json.dumps(message, separators=(",", ":"), allow_nan=False).encode("utf-8") + b"\n"


class Lines:
    """Takes bytes as they come and gives whole answers."""

    def __init__(self) -> None:
        self._pending = bytearray()
        self._searched = 0

    def feed(self, chunk: bytes) -> List[Union[Outcome, Progress]]:
        self._pending += chunk
        end = self._pending.rfind(b"\n", self._searched)
        if end < 0:
            self._searched = len(self._pending)
            if self._searched > MOST_BYTES:
                raise ProtocolError("an answer has no end")
            return []
        whole = bytes(self._pending[:end])
        del self._pending[: end + 1]
        self._searched = 0
        return [outcome for line in whole.split(b"\n") for outcome in _outcomes(line)]


def _outcomes(line: bytes) -> List[Union[Outcome, Progress]]:
    if not line.strip():
        return []
    try:
        message = json.loads(line)
    except ValueError as cause:
        raise ProtocolError("an answer is not JSON") from cause
    if not isinstance(message, dict):
        raise ProtocolError("an answer is no JSON object")
    if "method" in message:
        return _progress(message.get("params")) if message["method"] == "session.progress" else []
    error = message.get("error")
    return [
        Outcome(
            message.get("id"),
            message.get("result"),
            error_from(error) if isinstance(error, dict) else None,
        )
    ]


def _progress(params: Any) -> List[Union[Outcome, Progress]]:
    if not isinstance(params, dict):
        return []
    number = params.get("progressToken")
    report = Fields({name: params[name] for name in ("progress", "total", "message", "omitted") if name in params})
    return [Progress(number, report)] if isinstance(number, int) else []
