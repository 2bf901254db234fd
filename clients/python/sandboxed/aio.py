"""The same session for asyncio: ``session = await sandboxed.aio.connect()``."""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager
from typing import Any, AsyncIterator, Dict, List, Mapping, Optional, Sequence, Union

from . import calls
from .address import find_channel
from .calls import Call, Capabilities
from .errors import Disconnected, NoChannel, SessionError
from .session import CONNECT_TIMEOUT
from .values import Answer, Fields, Reply
from .wire import HELLO, Lines, Outcome, Progress, request_line


async def connect(
    channel: Optional[str] = None, token: Optional[str] = None, timeout: float = CONNECT_TIMEOUT
) -> "AsyncSession":
    """As :func:`sandboxed.connect`."""
    address, secret = find_channel(channel, token)
    loop = asyncio.get_running_loop()
    try:
        _, wire = await asyncio.wait_for(loop.create_connection(_Wire, address.host, address.port), timeout)
        await asyncio.wait_for(wire.run(Call("session.hello", {**HELLO, "token": secret}, lambda _: None)), timeout)
    except (OSError, asyncio.TimeoutError) as cause:
        raise NoChannel(f"the session cannot be reached: {cause}") from cause
    return AsyncSession(wire)


class _Wire(asyncio.Protocol):
    def __init__(self) -> None:
        self._waiting: Dict[int, "asyncio.Future[Outcome]"] = {}
        self._progress: Dict[int, calls.OnProgress] = {}
        self._last = 0
        self._lines = Lines()
        self._lost: Optional[SessionError] = None
        self._room = asyncio.Event()
        self._room.set()
        self._transport: Optional[asyncio.Transport] = None

    async def run(self, call: Call) -> Any:
        await self._room.wait()
        if self._lost is not None or self._transport is None:
            raise self._lost or Disconnected("not connected")
        self._last += 1
        number = self._last
        line = request_line(number, call)
        future: "asyncio.Future[Outcome]" = asyncio.get_running_loop().create_future()
        self._waiting[number] = future
        if call.on_progress is not None:
            self._progress[number] = call.on_progress
        self._transport.write(line)
        try:
            outcome = await future
        finally:
            self._waiting.pop(number, None)
            self._progress.pop(number, None)
        if outcome.error is not None:
            raise outcome.error
        return call.read(outcome.result)

    def close(self) -> None:
        self._lose(Disconnected("this session was closed"))
        if self._transport is not None:
            self._transport.close()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        try:
            for outcome in self._lines.feed(data):
                self._deliver(outcome)
        except SessionError as error:
            self._lose(error)
            if self._transport is not None:
                self._transport.abort()

    def connection_lost(self, cause: Optional[Exception]) -> None:
        self._lose(Disconnected("the session ended" if cause is None else f"the session is gone: {cause}"))

    def pause_writing(self) -> None:
        self._room.clear()

    def resume_writing(self) -> None:
        self._room.set()

    def _deliver(self, outcome: Union[Outcome, Progress]) -> None:
        if isinstance(outcome, Progress):
            follow = self._progress.get(outcome.id)
            if follow is not None:
                asyncio.get_running_loop().call_soon(follow, outcome.report)
            return
        if outcome.id is None and outcome.error is not None:
            return self._lose(outcome.error)
        future = self._waiting.get(outcome.id) if isinstance(outcome.id, int) else None
        if future is not None and not future.done():
            future.set_result(outcome)

    def _lose(self, error: SessionError) -> None:
        self._lost = self._lost or error
        self._room.set()
        for number, future in self._waiting.items():
            if not future.done():
                future.set_result(Outcome(number, None, self._lost))


class AsyncMemory:
    """As :class:`sandboxed.session.Memory`."""

    def __init__(self, session: "AsyncSession") -> None:
        self._session = session

    async def get(self, key: str, default: Any = None) -> Any:
        return await self._session._run(calls.memory_get(key, default))

    async def set(self, key: str, value: Any) -> None:
        await self._session._run(calls.memory_set(key, value))

    async def list(self, prefix: Optional[str] = None) -> List[str]:
        result: List[str] = await self._session._run(calls.memory_list(prefix))
        return result

    async def delete(self, key: str) -> bool:
        return bool(await self._session._run(calls.memory_delete(key)))


class AsyncSession:
    """As :class:`sandboxed.Session`; every method is awaited, and calls may be open at the same time."""

    def __init__(self, wire: _Wire) -> None:
        self._wire = wire
        self.memory = AsyncMemory(self)

    async def __aenter__(self) -> "AsyncSession":
        return self

    async def __aexit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        self._wire.close()

    async def info(self) -> Fields:
        result: Fields = await self._run(calls.info())
        return result

    async def ping(self) -> None:
        await self._run(calls.ping())

    async def read(
        self, path: str, encoding: str = "utf-8", offset: Optional[int] = None, limit: Optional[int] = None
    ) -> str:
        result: str = await self._run(calls.read(path, encoding, offset, limit))
        return result

    async def read_bytes(self, path: str, offset: Optional[int] = None, limit: Optional[int] = None) -> bytes:
        result: bytes = await self._run(calls.read(path, "base64", offset, limit))
        return result

    async def glob(self, pattern: str) -> List[str]:
        result: List[str] = await self._run(calls.glob(pattern))
        return result

    async def stat(self, path: str) -> Fields:
        result: Fields = await self._run(calls.stat(path))
        return result

    async def write(self, path: str, content: Union[str, bytes]) -> Fields:
        result: Fields = await self._run(calls.write(path, content))
        return result

    async def apply_patch(self, patch: str, path: Optional[str] = None) -> Fields:
        result: Fields = await self._run(calls.apply_patch(patch, path))
        return result

    async def tool(
        self,
        name: str,
        arguments: Optional[Mapping[str, Any]] = None,
        *,
        on_progress: Optional[calls.OnProgress] = None,
    ) -> Any:
        return await self._run(calls.tool(name, arguments, on_progress))

    async def tools(self) -> List[Fields]:
        result: List[Fields] = await self._run(calls.tools())
        return result

    async def search_tools(self, query: str, limit: Optional[int] = None) -> List[Fields]:
        result: List[Fields] = await self._run(calls.search_tools(query, limit))
        return result

    async def checkpoint(
        self,
        question: str,
        data: Any = None,
        *,
        schema: Optional[Mapping[str, Any]] = None,
        timeout: Optional[float] = None,
    ) -> Reply:
        result: Reply = await self._run(calls.checkpoint(question, data, schema, timeout))
        return result

    async def summarize(self, title: str, data: Any = None) -> None:
        await self._run(calls.summarize(title, data))

    async def fetch(
        self,
        url: str,
        *,
        method: Optional[str] = None,
        headers: Optional[Mapping[str, str]] = None,
        body: Union[str, bytes, None] = None,
        max_bytes: Optional[int] = None,
        timeout: Optional[float] = None,
    ) -> Answer:
        result: Answer = await self._run(calls.fetch(url, method, headers, body, max_bytes, timeout))
        return result

    async def request_permissions(self, permissions: Mapping[str, Any], reason: Optional[str] = None) -> Fields:
        result: Fields = await self._run(calls.request_permissions(permissions, reason))
        return result

    async def grant(
        self, capabilities: Capabilities, *, expires_in: Optional[float] = None, calls: Optional[int] = None
    ) -> Fields:
        result: Fields = await self._run(_grant(capabilities, expires_in, calls))
        return result

    async def spawn(self, command: Sequence[str], capabilities: Capabilities = ()) -> Fields:
        result: Fields = await self._run(calls.spawn(command, capabilities))
        return result

    @asynccontextmanager
    async def elicitation(self) -> AsyncIterator[None]:
        await self._run(calls.elicitation(True))
        try:
            yield
        finally:
            await self._run(calls.elicitation(False))

    async def call(self, method: str, **params: Any) -> Any:
        return await self._run(calls.raw(method, params))

    async def _run(self, call: Call) -> Any:
        return await self._wire.run(call)


_grant = calls.grant
