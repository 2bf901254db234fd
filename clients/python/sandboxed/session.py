"""A session as a script sees it: each method is one call, and returns when it was answered."""

from __future__ import annotations

from contextlib import contextmanager
from typing import Any, Iterator, List, Mapping, Optional, Sequence, Union

from . import calls
from .address import find_channel
from .calls import Call, Capabilities
from .connection import Connection, Pending
from .values import Answer, Fields, Reply

#: Seconds until a session that does not answer the first call is given up.
CONNECT_TIMEOUT = 10.0


def connect(channel: Optional[str] = None, token: Optional[str] = None, timeout: float = CONNECT_TIMEOUT) -> "Session":
    """Connects to the session of this run; without arguments, to the one that the environment names.

    Raises :class:`~sandboxed.errors.NoChannel` where there is none, and
    :class:`~sandboxed.errors.Unauthenticated` for a token of somebody else's.
    """
    address, secret = find_channel(channel, token)
    return Session(Connection(address, secret, timeout))


class Memory:
    """What is kept under a name, for later calls and later runs, as far as the capability reaches."""

    def __init__(self, session: "Session") -> None:
        self._session = session

    def get(self, key: str, default: Any = None) -> Any:
        return self._session._run(calls.memory_get(key, default))

    def set(self, key: str, value: Any) -> None:
        self._session._run(calls.memory_set(key, value))

    def list(self, prefix: Optional[str] = None) -> List[str]:
        result: List[str] = self._session._run(calls.memory_list(prefix))
        return result

    def delete(self, key: str) -> bool:
        """Whether there was something to delete."""
        return bool(self._session._run(calls.memory_delete(key)))


class Session:
    """The session that started this program, and what it granted. Threads may share one.

    What is not granted raises :class:`~sandboxed.errors.NotGranted`; every error is a
    :class:`~sandboxed.errors.SessionError`.
    """

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self.memory = Memory(self)

    def __enter__(self) -> "Session":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Ends the connection. Calls that are open raise :class:`~sandboxed.errors.Disconnected`."""
        self._connection.close()

    def info(self) -> Fields:
        """Who this session is, and what is granted."""
        result: Fields = self._run(calls.info())
        return result

    def ping(self) -> None:
        self._run(calls.ping())

    def read(self, path: str, encoding: str = "utf-8", offset: Optional[int] = None, limit: Optional[int] = None) -> str:
        """The text of a file, or of ``limit`` bytes of it from ``offset``."""
        result: str = self._run(calls.read(path, encoding, offset, limit))
        return result

    def read_bytes(self, path: str, offset: Optional[int] = None, limit: Optional[int] = None) -> bytes:
        result: bytes = self._run(calls.read(path, "base64", offset, limit))
        return result

    def glob(self, pattern: str) -> List[str]:
        """The paths that match, sorted; what may not be read is not among them."""
        result: List[str] = self._run(calls.glob(pattern))
        return result

    def stat(self, path: str) -> Fields:
        result: Fields = self._run(calls.stat(path))
        return result

    def write(self, path: str, content: Union[str, bytes]) -> Fields:
        """Puts the whole content in the file's place, at once or not at all."""
        result: Fields = self._run(calls.write(path, content))
        return result

    def apply_patch(self, patch: str, path: Optional[str] = None) -> Fields:
        """Applies a unified diff, or the ``*** Begin Patch`` form: all of it or nothing."""
        result: Fields = self._run(calls.apply_patch(patch, path))
        return result

    def tool(
        self,
        name: str,
        arguments: Optional[Mapping[str, Any]] = None,
        *,
        on_progress: Optional[calls.OnProgress] = None,
    ) -> Any:
        """Calls a tool of the session's and returns what it returned.

        ``on_progress`` hears how far it is meanwhile, in this thread and in order: ``progress``, ``total``, ``message``,
        and ``omitted``, how many reports before this one were left out because nobody had the time for them.
        """
        return self._run(calls.tool(name, arguments, on_progress))

    def tools(self) -> List[Fields]:
        """The tools that the token may call: ``name``, ``description``, ``inputSchema``."""
        result: List[Fields] = self._run(calls.tools())
        return result

    def search_tools(self, query: str, limit: Optional[int] = None) -> List[Fields]:
        result: List[Fields] = self._run(calls.search_tools(query, limit))
        return result

    def checkpoint(
        self,
        question: str,
        data: Any = None,
        *,
        schema: Optional[Mapping[str, Any]] = None,
        timeout: Optional[float] = None,
    ) -> Reply:
        """Asks whoever watches over the session, and waits.

        ``data`` is shown with the question. ``schema`` is a JSON schema of what the answer is to hold besides
        ``approve``. Raises :class:`~sandboxed.errors.TimedOut` after ``timeout`` seconds without an answer.
        """
        result: Reply = self._run(calls.checkpoint(question, data, schema, timeout))
        return result

    def summarize(self, title: str, data: Any = None) -> None:
        """Hands a result to whoever started the run, apart from what the program prints."""
        self._run(calls.summarize(title, data))

    def fetch(
        self,
        url: str,
        *,
        method: Optional[str] = None,
        headers: Optional[Mapping[str, str]] = None,
        body: Union[str, bytes, None] = None,
        max_bytes: Optional[int] = None,
        timeout: Optional[float] = None,
    ) -> Answer:
        """Fetches from a host that both the token and the policy allow; follows redirects to others that they allow.

        Of the body ``max_bytes`` are kept, a MiB unless said otherwise; ``truncated`` tells whether there was more.
        """
        result: Answer = self._run(calls.fetch(url, method, headers, body, max_bytes, timeout))
        return result

    def request_permissions(self, permissions: Mapping[str, Any], reason: Optional[str] = None) -> Fields:
        result: Fields = self._run(calls.request_permissions(permissions, reason))
        return result

    def grant(
        self,
        capabilities: Capabilities,
        *,
        expires_in: Optional[float] = None,
        calls: Optional[int] = None,
    ) -> Fields:
        """A token for part of what this one may do: ``connect(token=session.grant([...]).token)``."""
        result: Fields = self._run(_grant(capabilities, expires_in, calls))
        return result

    def spawn(self, command: Sequence[str], capabilities: Capabilities = ()) -> Fields:
        """Runs a program in a sandbox of its own, with part of what this one may do, and waits for its end."""
        result: Fields = self._run(calls.spawn(command, capabilities))
        return result

    @contextmanager
    def elicitation(self) -> Iterator[None]:
        """Stops the run's clock while this program asks somebody itself."""
        self._run(calls.elicitation(True))
        try:
            yield
        finally:
            self._run(calls.elicitation(False))

    def call(self, method: str, **params: Any) -> Any:
        """Any method by its name."""
        return self._run(calls.raw(method, params))

    def send(self, method: str, **params: Any) -> "Pending[Any]":
        """The same without waiting: many calls can be on their way. ``send(...).result()`` waits."""
        return self._connection.send(calls.raw(method, params))

    def _run(self, call: Call) -> Any:
        return self._connection.send(call).result()


_grant = calls.grant


__all__: List[str] = ["CONNECT_TIMEOUT", "Memory", "Session", "connect"]
