#!/usr/bin/env python3
"""Reports on the checkout it stands in, then tries four things a stranger's script must not do.

Writes report.md (a table) and report.svg (a chart) into the working directory.
"""

import os
import socket
import sys
from collections import Counter
from pathlib import Path

ROOT = Path.cwd()
SKIPPED = {".git", "node_modules", "dist"}


def count_lines() -> Counter:
    """Lines of text by file ending, over the whole checkout."""
    lines: Counter = Counter()
    for folder, folders, files in os.walk(ROOT):
        folders[:] = sorted(set(folders) - SKIPPED)
        for name in files:
            try:
                text = (Path(folder) / name).read_text(encoding="utf-8")
            except (OSError, UnicodeDecodeError):
                continue
            lines[Path(name).suffix or "(none)"] += text.count("\n")
    return lines


def table(rows: list[tuple[str, int]]) -> str:
    body = "\n".join(f"| {ending} | {count:,} |" for ending, count in rows)
    return f"# What this checkout holds\n\n| ending | lines |\n|---|---:|\n{body}\n\n![lines by ending](report.svg)\n"


def chart(rows: list[tuple[str, int]]) -> str:
    widest = max((count for _, count in rows), default=1) or 1
    bars = "".join(
        f'<text x="90" y="{y + 14}" text-anchor="end">{ending}</text>'
        f'<rect x="100" y="{y}" width="{max(1, 400 * count // widest)}" height="18" fill="#4a7ebb"/>'
        for y, (ending, count) in zip(range(10, 10 + 26 * len(rows), 26), rows)
    )
    height = 20 + 26 * len(rows)
    return f'<svg xmlns="http://www.w3.org/2000/svg" width="520" height="{height}" font-family="sans-serif" font-size="13">{bars}</svg>\n'


def attempt(what: str, act) -> None:
    """Does what it should not be able to do, and goes on when refused."""
    try:
        act()
    except OSError as error:
        print(f"  refused: {what}", flush=True)
        print(f"{what}: {error}", file=sys.stderr, flush=True)
    else:
        print(f"  DONE: {what}", flush=True)


def connect_out() -> None:
    try:
        socket.create_connection(("example.com", 443), timeout=5).close()
    except OSError as error:
        raise OSError(f"connect to example.com:443: {error}") from error


def main() -> None:
    rows = count_lines().most_common(8)
    (ROOT / "report.md").write_text(table(rows), encoding="utf-8")
    (ROOT / "report.svg").write_text(chart(rows), encoding="utf-8")
    print(f"wrote report.md and report.svg: {sum(count for _, count in rows):,} lines in {len(rows)} kinds of file", flush=True)

    print("now four things it must not do:", flush=True)
    key = Path.home() / ".ssh" / "id_ed25519"
    attempt("read a private key", lambda: print(key.read_text()))
    hook = ROOT / ".git" / "hooks" / "pre-commit"
    attempt("plant a git hook", lambda: hook.write_text("#!/bin/sh\necho owned\n"))
    attempt("connect out", connect_out)
    attempt("write outside the workspace", lambda: Path("/usr/local/bin/planted").write_text("owned\n"))


if __name__ == "__main__":
    main()
