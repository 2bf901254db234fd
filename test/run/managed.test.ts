import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { bindPolicy } from "../../src/gate/index.ts";
import { managedEvents, recordingManaged, reportingDoor } from "../../src/run/managed.ts";
import { builtinProfile, compile, entryFrom, resolve } from "../../src/policy/index.ts";
import type { JournalEvent, NetworkMode, Provenance } from "../../src/policy/index.ts";
import { put, stage } from "../config/stage.ts";
import { machine } from "../policy/machine.ts";

const said: Provenance = { layer: "api", file: null, line: null, column: null, owner: "you" };

/** What a run that may read `/data` gets under these requirements. */
async function managed(requirements: string, mode: NetworkMode = "restricted") {
  const base = builtinProfile(":isolated");
  if (base === null) throw new Error("no :isolated");
  const { root, paths } = stage({ user: "" });
  const file = join(root, "etc/requirements.toml");
  put(file, requirements);
  const entries = [...base.filesystem.entries, entryFrom("/data", "read", said, "/data")];
  const profile = { ...base, filesystem: { ...base.filesystem, entries }, network: { ...base.network, mode } };
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

  const soon = "report_only_until = 2999-01-01T00:00:00Z";
  const past = "report_only_until = 2020-01-01T00:00:00Z";
  it.each([
    ["of a rule on trial by itself", `[{ path = "/data", ${soon} }, "/data/held"]`, "", ["allow", "deny"], 3],
    ["of a rule whose trial is over", `[{ path = "/data", ${past} }]`, "", ["deny", "deny"], null],
    ["of a rule whose trial is over before its table's", `[{ path = "/data", ${past} }]`, soon, ["deny", "deny"], null],
    [
      "of a rule beside one whose trial is over",
      `[{ path = "/data/held", ${past} }, "/data"]`,
      soon,
      ["allow", "deny"],
      3,
    ],
  ])("is recorded: files %s", async (_, paths, more, effects, line) => {
    const { events, launch, file } = await managed(`[permissions.filesystem]\n${more}\ndeny_read = ${paths}\n`);
    expect(["/data/x", "/data/held"].map((path) => launch.oracle.decide({ op: "read", path }).effect)).toEqual(effects);
    const would = events.filter(({ kind }) => kind === "requirements.would_deny");
    expect(would).toEqual(
      line === null ? [] : [expect.objectContaining({ target: "/data", place: `${file}:${line}` })],
    );
  });

  it.each([
    ["full", `denied_domains = ["trial.example"]`, 1],
    ["full", `allowed_domains = ["trial.example"]\nmanaged_allowed_domains_only = true`, 0],
    ["full", "managed_allowed_domains_only = true", 1],
    ["restricted", `denied_domains = ["trial.example"]`, 0],
  ] as const)("is recorded at the start of a network that is %s: %s", async (mode, rules, count) => {
    const { events } = await managed(`[network]\n${until}${rules}\n`, mode);
    const target = 'network.mode = "full"';
    expect(events.filter((event) => event.kind === "requirements.would_deny" && event.target === target)).toHaveLength(
      count,
    );
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

  const both = `${until}denied_domains = ["trial.example", "[2001:db8::1]"]`;
  it.each<[name: string, target: string, refusals: number, lines?: string]>([
    ["a host that is on trial", "trial.example:443", 1],
    ["another host", "other.example:443", 0],
    ["an address on trial", "[2001:db8::1]:443", 1],
    ["a rule on trial by itself", "one.example:443", 1, `denied_domains = [{ domain = "one.example", ${soon} }]`],
    ["a rule whose trial is over", "one.example:443", 0, `denied_domains = [{ domain = "one.example", ${past} }]`],
    [
      "a rule of the one table",
      "one.example:443",
      1,
      `domains = { "one.example" = { access = "deny", ${soon} }, "other.example" = "deny" }`,
    ],
    [
      "what is not managed, as only that will be reached",
      "other.example:443",
      1,
      `${soon}\nallowed_domains = ["one.example"]\nmanaged_allowed_domains_only = true`,
    ],
    [
      "what is managed",
      "one.example:443",
      0,
      `${soon}\nallowed_domains = ["one.example"]\nmanaged_allowed_domains_only = true`,
    ],
  ])("is recorded at the door: %s", async (_, target, refusals, lines = both) => {
    const bound = await managed(`[network]\n${lines}\n`);
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
    if (refusals > 0) expect(would[0]).toMatchObject({ target, place: expect.stringContaining(`${bound.file}:`) });
  });
});
