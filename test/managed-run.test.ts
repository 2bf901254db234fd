import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { bindPolicy } from "../src/gate/index.ts";
import { managedEvents, recordingManaged, reportingDoor } from "../src/managed-run.ts";
import { builtinProfile, compile, entryFrom, resolve } from "../src/policy/index.ts";
import type { JournalEvent, Provenance } from "../src/policy/index.ts";
import { put, stage } from "./config/stage.ts";
import { machine } from "./policy/machine.ts";

const said: Provenance = { layer: "api", file: null, line: null, column: null, owner: "you" };

/** What a run that may read `/data` gets under these requirements. */
async function managed(requirements: string) {
  const base = builtinProfile(":isolated");
  if (base === null) throw new Error("no :isolated");
  const { root, paths } = stage({ user: "" });
  const file = join(root, "etc/requirements.toml");
  put(file, requirements);
  const entries = [...base.filesystem.entries, entryFrom("/data", "read", said, "/data")];
  const profile = { ...base, filesystem: { ...base.filesystem, entries } };
  const bound = await bindPolicy(
    { layers: [{ layer: "api", profile }] },
    {
      environment: new Map([["HOME", join(root, "home")]]),
      cwd: root,
      systemFile: paths.system,
      systemRequirements: file,
      accountFile: null,
    },
  );
  const resolved = resolve(bound.policy, machine());
  const launch = { resolved, oracle: compile(resolved) };
  return { ...bound, file, launch, events: managedEvents(bound.managed, launch) };
}

const exception = `[[exceptions]]
id = "EX-12"
reason = "migration"
approver = "security"
expires = 2999-01-01T00:00:00Z
[exceptions.permissions.filesystem]
allow_read = ["/data/open"]
`;
const until = "report_only_until = 2999-01-01T00:00:00Z\n";

describe("what requirements say of a run beside its policy", () => {
  it("is recorded: exceptions in use", async () => {
    const { events, launch } = await managed(`[permissions.filesystem]\ndeny_read = ["/data"]\n${exception}`);
    const applied = { id: "EX-12", reason: "migration", approver: "security", expires: "2999-01-01T00:00:00.000Z" };
    expect(events).toEqual([{ kind: "requirements.applied", exceptions: [applied], reportOnly: [] }]);
    expect(launch.oracle.decide({ op: "read", path: "/data/open" }).effect).toBe("allow");
    expect(launch.oracle.decide({ op: "read", path: "/data/x" }).effect).toBe("deny");
  });

  it("is recorded: files that a rule on trial would have refused, and that are granted", async () => {
    const { events, launch, file } = await managed(
      `[permissions.filesystem]\n${until}deny_read = ["/data", "/not-granted"]\n`,
    );
    const denied = { kind: "requirements.would_deny", target: "/data", rule: 'deny_read "/data"', place: `${file}:3` };
    expect(events.slice(1)).toEqual([expect.objectContaining(denied)]);
    expect(events[0]).toMatchObject({ kind: "requirements.applied", exceptions: [] });
    expect(launch.oracle.decide({ op: "read", path: "/data/x" }).effect).toBe("allow");
  });

  it("is nothing, where rules hold and nobody has an exception", async () => {
    const { events, launch } = await managed('[permissions.filesystem]\ndeny_read = ["/data"]\n');
    expect(events).toEqual([]);
    expect(launch.oracle.decide({ op: "read", path: "/data/x" }).effect).toBe("deny");
  });

  it("comes first in the journal, on disk before the program starts", () => {
    const written: (readonly [string, string])[] = [];
    const openJournal = () => ({
      append: ({ kind }: JournalEvent, durability: string) => void written.push([kind, durability]),
      close: () => {},
    });
    const event: JournalEvent = { kind: "requirements.applied", exceptions: [], reportOnly: [] };
    recordingManaged({ id: "s", openJournal }, [event]).openJournal();
    expect(written).toEqual([["requirements.applied", "durable"]]);
    recordingManaged({ id: "s", openJournal }, []).openJournal();
    expect(written).toHaveLength(1);
  });

  it.each([
    ["a host that is on trial", "trial.example:443", 1],
    ["another host", "other.example:443", 0],
    ["an address on trial", "[2001:db8::1]:443", 1],
  ])("is recorded at the door: %s", async (_, target, refusals) => {
    const rules = `[network]\n${until}denied_domains = ["trial.example", "[2001:db8::1]"]\n`;
    const bound = await managed(rules);
    const seen: JournalEvent[] = [];
    const serve = reportingDoor((_door, _policy, { record }) => {
      // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- no more of the event is looked at
      record({ kind: "network.allowed", target } as JournalEvent);
      return Promise.resolve({ update: () => Promise.resolve(1), restore: () => false, close: () => {} });
    }, bound.managed);
    // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- the one who serves it here does not look at it
    await serve({} as Parameters<typeof serve>[0], bound.launch.resolved, {
      refused: () => {},
      record: (event) => void seen.push(event),
    });
    expect(seen.filter(({ kind }) => kind === "network.allowed")).toHaveLength(1);
    const would = seen.filter(({ kind }) => kind === "requirements.would_deny");
    expect(would).toHaveLength(refusals);
    if (refusals > 0) expect(would[0]).toMatchObject({ target, place: `${bound.file}:3` });
  });
});
