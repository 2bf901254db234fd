"""Offers a patch for each file that still says `var`; a person says which are applied."""

import difflib
from typing import NamedTuple, Optional

import sandboxed


class Patch(NamedTuple):
    text: str
    summary: dict


def make_patch(before: str) -> Optional[Patch]:
    after = before.replace("var ", "let ")
    if after == before:
        return None
    old, new = before.splitlines(keepends=True), after.splitlines(keepends=True)
    text = "".join(difflib.unified_diff(old, new, path, path))
    return Patch(text, {"lines": sum(one != other for one, other in zip(old, new)), "patch": text})


session = sandboxed.connect()
for path in session.glob("src/**/*.ts"):
    before = session.read(path)
    patch = make_patch(before)
    if patch:
        reply = session.checkpoint(f"Apply patch to {path}?", patch.summary)
        if reply.approve:
            session.tool("apply_patch", {"path": path, "patch": patch.text})
