import type { ChildProcess } from "node:child_process";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { RequiringMachine, requirementsFile, startHost } from "../stage/required.ts";

let machine: RequiringMachine;
let server: ChildProcess;
let port: number;
let outside: string;

beforeAll(async () => {
  machine = new RequiringMachine();
  ({ server, port } = await startHost());
  outside = mkdtempSync("/var/tmp/sandboxed-records-");
  mkdirSync(join(outside, "open"));
  writeFileSync(join(outside, "secret"), "the secret\n");
  writeFileSync(join(outside, "open", "note"), "the note\n");
});

afterAll(() => {
  server.kill();
  machine.remove();
  rmSync(outside, { recursive: true, force: true });
});

/** What the journal of the last run says of policies. */
function recorded(): readonly object[] {
  const { stdout } = machine.stage.sandboxed(["audit", "show", "last", "--json"]);
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- the shape that the docs give
  const { records } = JSON.parse(stdout) as { records: readonly { kind: string }[] };
  return records.filter(({ kind }) => kind.startsWith("policy."));
}

function fetching(): string {
  return `python3 -c "import urllib.request; print(urllib.request.urlopen('http://127.0.0.1:${port}/', timeout=5).read().decode())"`;
}

const rules = (until: string): string => `
[permissions.filesystem]
deny_read = ["${outside}/secret"]
${until}
[network]
denied_domains = ["127.0.0.1:${port}"]
${until}
`;

describe("a rule that is only reported", () => {
  it("stops nobody, and what it would have refused is in the journal", () => {
    machine.require(rules("report_only_until = 2999-01-01T00:00:00Z"));
    const script = `cat ${outside}/secret; ${fetching()}`;
    const options = ["-r", outside, "--host-port", String(port)];
    const { stdout } = machine.stage.run([...options, "--", "sh", "-c", script]);
    expect(stdout).toContain("the secret");
    expect(stdout).toContain("reached");
    const file = requirementsFile;
    expect(recorded()).toMatchObject([
      { kind: "policy.would_deny", op: "read", subject: `${outside}/secret`, file, line: 3 },
      { kind: "policy.would_deny", op: "connect", subject: `127.0.0.1:${port}`, file, line: 6 },
    ]);
  });

  it("holds from its time on, and nothing is reported", () => {
    machine.require(rules("report_only_until = 2020-01-01T00:00:00Z"));
    const script = `cat ${outside}/secret; ${fetching()}`;
    const options = ["-r", outside, "--host-port", String(port)];
    const { stdout } = machine.stage.run([...options, "--", "sh", "-c", script]);
    expect(stdout).not.toMatch(/the secret|reached/);
    expect(recorded()).toEqual([]);
  });
});

describe("an exception", () => {
  const excepting = (expires: string): string => `
[permissions.filesystem]
deny_read = ["${outside}"]
[[exceptions]]
id = "EX-7"
reason = "the note is public"
approver = "security"
expires = ${expires}
[exceptions.permissions.filesystem]
allow_read = ["${outside}/open"]
`;
  const script = (): string => `cat ${outside}/open/note ${outside}/secret`;

  it("opens its place, and each run's journal names it", () => {
    machine.require(excepting("2999-01-01T00:00:00Z"));
    for (let run = 0; run < 2; run++) {
      const { stdout } = machine.stage.run(["-r", outside, "--", "sh", "-c", script()]);
      expect(stdout).toBe("the note\n");
      expect(recorded()).toMatchObject([{ kind: "policy.exception", id: "EX-7", approver: "security" }]);
    }
  });

  it("opens nothing when it is past", () => {
    machine.require(excepting("2020-01-01T00:00:00Z"));
    expect(machine.stage.run(["-r", outside, "--", "sh", "-c", script()]).stdout).toBe("");
    expect(recorded()).toEqual([]);
  });
});
