"""Talk to the session that started this program, within what it granted.

>>> import sandboxed
>>> session = sandboxed.connect()
>>> for path in session.glob("src/**/*.py"):
...     text = session.read(path)

``sandboxed.aio`` is the same for asyncio.
"""

from __future__ import annotations

from . import errors
from .connection import Pending
from .errors import SessionError
from .session import Memory, Session, connect
from .values import Answer, Fields, Reply

__all__ = ["Answer", "Fields", "Memory", "Pending", "Reply", "Session", "SessionError", "connect", "errors"]
