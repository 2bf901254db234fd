"""What can go wrong on the channel: one class for each code that the session answers with."""

from __future__ import annotations

from typing import Any, Dict, Mapping, Optional, Type


class SessionError(Exception):
    """A call that the session did not carry out.

    ``code`` is the stable name of what happened (``not_granted``), ``hint`` what to do about it, and ``details`` all
    that the session said: the rule that decided, and the narrowest capability that would do.
    """

    code = "error"

    def __init__(self, message: str, details: Optional[Mapping[str, Any]] = None, code: Optional[str] = None) -> None:
        super().__init__(message)
        self.details: Dict[str, Any] = dict(details or {})
        self.code = code or type(self).code

    @property
    def message(self) -> str:
        return str(self.args[0])

    @property
    def hint(self) -> Optional[str]:
        hint = self.details.get("hint")
        return hint if isinstance(hint, str) else None

    def __str__(self) -> str:
        return f"{self.message} ({self.hint})" if self.hint else self.message

    def __reduce__(self) -> Any:
        return (type(self), (self.message, self.details, self.code))


class NoChannel(SessionError):
    """There is nobody to talk to: the run has no grants, or this is no run."""

    code = "no_channel"


class Disconnected(SessionError):
    """The connection ended before the answer came. Whether the call was carried out is not known."""

    code = "disconnected"


class ProtocolError(SessionError):
    """The other side said what this client cannot read."""

    code = "protocol"


class Unauthenticated(SessionError):
    """The token is not one of this run's."""

    code = "unauthenticated"


class NotGranted(SessionError):
    """No capability of the token covers the call."""

    code = "not_granted"


class Expired(SessionError):
    """The token's or the capability's time is over."""

    code = "expired"


class Exhausted(SessionError):
    """All calls of the capability are used up."""

    code = "exhausted"


class RateLimited(SessionError):
    """More calls in a short time than the capability allows."""

    code = "rate_limited"


class Revoked(SessionError):
    """The token was taken back, or the session is ending."""

    code = "revoked"


class ApprovalDenied(SessionError):
    """Somebody was asked and said no."""

    code = "approval_denied"


class TimedOut(SessionError):
    """Nobody answered in time."""

    code = "timed_out"


class WouldDeadlock(SessionError):
    """A call is open further up that waits for this very one."""

    code = "would_deadlock"


class TooLarge(SessionError):
    """The call or its result is over a bound."""

    code = "too_large"


class NobodyToAsk(SessionError):
    """The call needs somebody's answer, and nobody is there to give one."""

    code = "nobody_to_ask"


class TooDeep(SessionError):
    """Sessions within sessions, further than allowed."""

    code = "too_deep"


class NotFound(SessionError):
    """There is no such file, tool or key, or none that may be seen."""

    code = "not_found"


class PolicyDenied(SessionError):
    """The policy of the run refuses it, whatever was granted."""

    code = "policy_denied"


class Conflict(SessionError):
    """The file is not what the patch was made from."""

    code = "conflict"


class InvalidParams(SessionError):
    """The call itself is wrong."""

    code = "invalid_params"


class Unsupported(SessionError):
    """This session cannot do it."""

    code = "unsupported"


class Overloaded(SessionError):
    """Too much at once; later it may work."""

    code = "overloaded"


class ToolFailed(SessionError):
    """The tool ran and reported an error."""

    code = "tool_failed"


class Cancelled(SessionError):
    """The call was given up."""

    code = "cancelled"


class Failed(SessionError):
    """Something went wrong on the other side."""

    code = "failed"


def _all_below(kind: Type[SessionError]) -> Dict[str, Type[SessionError]]:
    return {each.code: each for each in kind.__subclasses__()}


def error_from(answer: Mapping[str, Any]) -> SessionError:
    """The error of a JSON-RPC answer as an exception of the class for its code."""
    details = answer.get("data")
    details = details if isinstance(details, dict) else {}
    code = details.get("code")
    if not isinstance(code, str):
        code = "protocol"
    kind = _all_below(SessionError).get(code, SessionError)
    return kind(str(answer.get("message", code)), details, code)
