"""Compares two lists and hands the result to whoever started the run."""

import sandboxed


def find_orphans(users, schedules):
    owners = {schedule["owner"] for schedule in schedules}
    return [user for user in users if user["id"] not in owners]


session = sandboxed.connect()
users = session.tool("mcp.Entity_List", {"entityType": "User"})
schedules = session.tool("mcp.Entity_List", {"entityType": "Schedule"})
session.summarize("Orphaned users", find_orphans(users, schedules)[:20])
