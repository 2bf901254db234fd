"""Looks through pages of rows; a person says which of the suspicious ones is fetched whole."""

import os

import codex


def suspicious(rows):
    return any(row["logins"] > 1000 for row in rows)


session = codex.connect(channel=os.environ["CODEX_CHANNEL"], token=os.environ["CODEX_TOKEN"])
for page in range(0, 3):
    rows = session.tool("mcp.Entity_List", {"from": page * 50, "pageSize": 50})
    if suspicious(rows):
        reply = session.checkpoint("Investigate these rows?", rows[:5])
        if reply.approve:
            session.tool("mcp.Entity_Get", {"id": reply.id})
