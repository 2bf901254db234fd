"""One connection that many threads may call through at once, without a thread of its own."""

from __future__ import annotations

import os
import select
import socket
import threading
import traceback
from typing import Any, Callable, Dict, Generic, List, Optional, TypeVar, Union, cast

from .address import Address
from .calls import Call, OnProgress
from .errors import Disconnected, NoChannel, SessionError
from .values import Fields
from .wire import HELLO, Lines, Outcome, Progress, request_line

Result = TypeVar("Result")

_CHUNK = 256 * 1024
#: Of one call, and not followed yet: of more, the last is kept.
_MOST_REPORTS = 1000
#: Sending never blocks where the system can do that: answers are read meanwhile, or both sides would wait for ever.
_AT_ONCE = getattr(socket, "MSG_DONTWAIT", 0)


class Pending(Generic[Result]):
    """A call that was sent. :meth:`result` waits for its answer."""

    __slots__ = ("_connection", "_on_progress", "_outcome", "_read", "_reports")

    def __init__(
        self, connection: "Connection", read: Callable[[Any], Result], on_progress: Optional[OnProgress] = None
    ) -> None:
        self._connection = connection
        self._read = read
        self._on_progress = on_progress
        self._outcome: Optional[Outcome] = None
        self._reports: List[Fields] = []

    @property
    def done(self) -> bool:
        """Whether the answer is here; says nothing about what has not been read yet."""
        return self._outcome is not None

    def result(self) -> Result:
        """What the call came to. Raises the :class:`SessionError` it was answered with."""
        self._connection.wait_for(self)
        outcome = cast(Outcome, self._outcome)  # wait_for returns when it is there
        if outcome.error is not None:
            raise outcome.error
        return self._read(outcome.result)


class Connection:
    """Whoever waits for an answer reads, for all who wait: the others sleep until theirs was seen."""

    def __init__(self, address: Address, token: str, timeout: float) -> None:
        self._address = address
        self._token = token
        self._timeout = timeout
        self._open()

    def _open(self) -> None:
        self._owner = os.getpid()
        self._sending = threading.Lock()
        self._turn = threading.Condition()
        self._is_read = False
        self._waiting: Dict[int, Pending[Any]] = {}
        self._last = 0
        self._lines = Lines()
        self._lost: Optional[SessionError] = None
        try:
            self._socket = socket.create_connection(self._address, timeout=self._timeout)
            self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            self.send(Call("session.hello", {**HELLO, "token": self._token}, lambda result: result)).result()
            self._socket.settimeout(None)
        except OSError as cause:
            raise NoChannel(f"the session cannot be reached: {cause}") from cause

    def send(self, call: Call) -> "Pending[Any]":
        """Sends a call; its answer is waited for later, so that many can be on their way."""
        if self._owner != os.getpid():
            self._open()  # a forked process would take its parent's answers
        pending: Pending[Any] = Pending(self, call.read, call.on_progress)
        with self._turn:
            self._last += 1
            number = self._last
            line = request_line(number, call)
            self._waiting[number] = pending
        try:
            with self._sending:
                self._write(memoryview(line))
        except OSError as cause:
            self._lose(Disconnected(f"the session is gone: {cause}"))
        return pending

    def wait_for(self, pending: "Pending[Any]") -> None:
        """Returns when the answer is here, and what was told before it has been followed."""
        while pending._outcome is None or pending._reports:
            reports: List[Fields] = []
            with self._turn:
                if pending._reports:
                    reports, pending._reports = pending._reports, reports
                elif self._is_read:
                    self._turn.wait()
                    continue
                elif pending._outcome is not None:
                    return
                elif self._lost is not None:
                    raise self._lost
                else:
                    self._is_read = True
            if not reports:
                self._read_some()
            # Whoever hears of it may call the session.
            for report in reports:
                _safely(cast(OnProgress, pending._on_progress), report)

    def close(self) -> None:
        self._lose(Disconnected("this session was closed"))
        if self._owner == os.getpid():
            try:
                self._socket.shutdown(socket.SHUT_RDWR)  # wakes a thread that reads
            except OSError:
                pass
        self._socket.close()

    def _read_some(self) -> None:
        """Called by whoever has the turn to read."""
        outcomes: List[Union[Outcome, Progress]] = []
        lost: Optional[SessionError] = None
        try:
            chunk = self._socket.recv(_CHUNK)
            if chunk:
                outcomes = self._lines.feed(chunk)
            else:
                lost = Disconnected("the session ended")
        except socket.timeout:
            lost = NoChannel("the session does not answer")
        except OSError as cause:
            lost = Disconnected(f"the session is gone: {cause}")
        except SessionError as error:
            lost = error
        finally:
            # Also when a signal's handler raised: nothing was taken from the stream then.
            with self._turn:
                self._is_read = False
                for outcome in outcomes:
                    if isinstance(outcome, Progress):
                        self._report(outcome)
                    else:
                        self._deliver(outcome)
                self._turn.notify_all()
        if lost is not None:
            self._lose(lost)

    def _report(self, progress: Progress) -> None:
        pending = self._waiting.get(progress.id)
        if pending is None or pending._on_progress is None:
            return
        report = progress.report
        if len(pending._reports) >= _MOST_REPORTS:
            old = pending._reports.pop()
            report = Fields({**report, "omitted": report.get("omitted", 0) + old.get("omitted", 0) + 1})
        pending._reports.append(report)

    def _deliver(self, outcome: Outcome) -> None:
        pending = self._waiting.pop(outcome.id, None) if isinstance(outcome.id, int) else None
        if pending is not None:
            pending._outcome = outcome
        elif outcome.id is None and outcome.error is not None:
            self._lost = outcome.error  # the session could not even tell which call it was
            self._fail_all(outcome.error)

    def _lose(self, error: SessionError) -> None:
        with self._turn:
            self._lost = self._lost or error
            self._fail_all(self._lost)
            self._turn.notify_all()

    def _fail_all(self, error: SessionError) -> None:
        for number, pending in self._waiting.items():
            pending._outcome = Outcome(number, None, error)
        self._waiting.clear()

    def _write(self, rest: memoryview) -> None:
        while True:
            try:
                rest = rest[self._socket.send(rest, _AT_ONCE) :]
            except BlockingIOError:
                self._make_room()
            if not rest:
                return
            if self._lost is not None:
                raise ConnectionError(self._lost.message)

    def _make_room(self) -> None:
        """Waits until more can be sent; meanwhile takes in what comes, unless somebody else does."""
        with self._turn:
            mine = not self._is_read
            self._is_read = True
        if not mine:
            select.select([], [self._socket], [], 0.05)
            return
        ready: List[Any] = []
        try:
            ready = select.select([self._socket], [self._socket], [])[0]
        finally:
            if not ready:
                with self._turn:
                    self._is_read = False
                    self._turn.notify_all()
        if ready:
            self._read_some()


def _safely(follow: OnProgress, report: Fields) -> None:
    """The tool goes on whatever happens here: what goes wrong is shown, and the call has its answer all the same."""
    try:
        follow(report)
    except Exception:
        traceback.print_exc()
