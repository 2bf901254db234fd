"""Every call of the channel as data: its method, its parameters and how its result reads. Both sessions use these."""

from __future__ import annotations

import base64
import json
from typing import Any, Callable, Dict, Mapping, NamedTuple, Optional, Sequence, Union

from .errors import ToolFailed
from .values import Answer, Fields, Reply, with_fields

Capabilities = Sequence[Union[str, Mapping[str, Any]]]


#: Called with ``progress`` and, where known, ``total`` and ``message``; ``omitted`` counts what was left out before it.
OnProgress = Callable[[Fields], None]


class Call(NamedTuple):
    method: str
    params: Dict[str, Any]
    read: Callable[[Any], Any]
    on_progress: Optional[OnProgress] = None


def _as_it_is(result: Any) -> Any:
    return result


def _given(**members: Any) -> Dict[str, Any]:
    """The members that were given: what is None is left out, and the session takes its own default."""
    return {name: value for name, value in members.items() if value is not None}


def info() -> Call:
    return Call("session.info", {}, Fields)


def ping() -> Call:
    return Call("session.ping", {}, _as_it_is)


def read(path: str, encoding: str, offset: Optional[int], limit: Optional[int]) -> Call:
    params = _given(path=str(path), encoding=encoding, offset=offset, limit=limit)
    decode = _bytes_of if encoding == "base64" else _text_of
    return Call("session.read", params, decode)


def _text_of(result: Any) -> str:
    return str(result["content"])


def _bytes_of(result: Any) -> bytes:
    return base64.b64decode(result["content"])


def glob(pattern: str) -> Call:
    return Call("session.glob", {"pattern": pattern}, lambda result: result["paths"])


def stat(path: str) -> Call:
    return Call("session.stat", {"path": str(path)}, Fields)


def write(path: str, content: Union[str, bytes]) -> Call:
    if isinstance(content, str):
        params = {"path": str(path), "content": content}
    else:
        params = {"path": str(path), "content": base64.b64encode(content).decode("ascii"), "encoding": "base64"}
    return Call("session.write", params, Fields)


def apply_patch(patch: str, path: Optional[str]) -> Call:
    return Call("session.apply_patch", _given(patch=patch, path=None if path is None else str(path)), Fields)


def tool(name: str, arguments: Optional[Mapping[str, Any]], on_progress: Optional[OnProgress]) -> Call:
    return Call("session.tool", {"name": name, "arguments": dict(arguments or {})}, _tool_value, on_progress)


def _tool_value(result: Any) -> Any:
    """What the tool meant: its structured result; else its text, as JSON where it is; else the parts as they came."""
    if not isinstance(result, dict):
        return result
    parts = result.get("content", [])
    texts = [part.get("text") for part in parts if isinstance(part, dict) and part.get("type") == "text"]
    if result.get("isError"):
        raise ToolFailed("\n".join(str(text) for text in texts) or "the tool failed", {"result": result})
    structured = result.get("structuredContent")
    if isinstance(structured, dict):
        # Tools may only structure objects, so that whoever returns a list puts it under this name.
        return structured["result"] if list(structured) == ["result"] else structured
    if len(parts) != 1 or len(texts) != 1:
        return parts
    try:
        return json.loads(str(texts[0]))
    except ValueError:
        return texts[0]


def tools() -> Call:
    return Call("session.tools", {}, lambda result: with_fields(result["tools"]))


def search_tools(query: str, limit: Optional[int]) -> Call:
    return Call("session.search_tools", _given(query=query, limit=limit), lambda result: with_fields(result["tools"]))


def checkpoint(question: str, data: Any, schema: Optional[Mapping[str, Any]], timeout: Optional[float]) -> Call:
    return Call("session.checkpoint", _given(question=question, data=data, schema=schema, timeout=timeout), Reply)


def summarize(title: str, data: Any) -> Call:
    return Call("session.summarize", {"title": title, "data": data}, lambda _: None)


def memory_get(key: str, default: Any) -> Call:
    return Call("session.memory.get", {"key": key}, lambda result: result["value"] if result.get("found") else default)


def memory_set(key: str, value: Any) -> Call:
    return Call("session.memory.set", {"key": key, "value": value}, lambda _: None)


def memory_list(prefix: Optional[str]) -> Call:
    return Call("session.memory.list", _given(prefix=prefix), lambda result: result["keys"])


def memory_delete(key: str) -> Call:
    return Call("session.memory.delete", {"key": key}, lambda result: bool(result.get("deleted")))


def fetch(
    url: str,
    method: Optional[str],
    headers: Optional[Mapping[str, str]],
    body: Union[str, bytes, None],
    max_bytes: Optional[int],
    timeout: Optional[float],
) -> Call:
    given_headers = None if headers is None else dict(headers)
    params = _given(url=url, method=method, headers=given_headers, max_bytes=max_bytes, timeout=timeout)
    if isinstance(body, bytes):
        params.update(body=base64.b64encode(body).decode("ascii"), encoding="base64")
    elif body is not None:
        params["body"] = body
    return Call("session.fetch", params, Answer)


def request_permissions(permissions: Mapping[str, Any], reason: Optional[str]) -> Call:
    return Call("session.request_permissions", _given(permissions=dict(permissions), reason=reason), Fields)


def grant(capabilities: Capabilities, expires_in: Optional[float], calls: Optional[int]) -> Call:
    params = _given(capabilities=list(capabilities), expires_in=expires_in, calls=calls)
    return Call("session.grant", params, Fields)


def spawn(command: Sequence[str], capabilities: Capabilities) -> Call:
    return Call("session.spawn", {"command": list(command), "capabilities": list(capabilities)}, Fields)


def elicitation(begin: bool) -> Call:
    return Call("session.elicitation.begin" if begin else "session.elicitation.end", {}, lambda _: None)


def raw(method: str, params: Mapping[str, Any]) -> Call:
    return Call(method, dict(params), _as_it_is)

