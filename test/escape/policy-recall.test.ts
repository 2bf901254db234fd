import { readdirSync, readFileSync, writeFileSync } from "node:fs";
import { hostname } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { RequiringMachine } from "../stage/required.ts";
import type { Result } from "../stage/index.ts";

let machine: RequiringMachine;

beforeEach(() => {
  machine = new RequiringMachine();
});

afterEach(() => machine.remove());

/** Of a profile that was marked since: then the run was recalled. */
function read(result: Result): readonly [text: string, isRecalled: boolean] {
  return [result.stdout, result.stderr.includes('"profile":"marked"')];
}

describe("a launch that an exception was in use for", () => {
  const victim = (): string => join(machine.stage.outside, "victim");
  const words = (): readonly string[] => ["--json", "-r", victim(), "--", "cat", victim()];
  let runs = 0;
  const run = () => {
    runs += 1;
    return read(machine.stage.run(words()));
  };
  const folder = (): string => join(machine.stage.home, ".cache/sandboxed");

  function editRecords(change: (text: string) => string): void {
    const names = readdirSync(folder()).filter((name) => name.startsWith("recall-"));
    expect(names).toHaveLength(1);
    for (const name of names) {
      const path = join(folder(), name);
      writeFileSync(path, change(readFileSync(path, "utf8")));
    }
  }

  function requireUntil(expires: string): void {
    machine.require(`[permissions.filesystem]\ndeny_read = ["${machine.stage.outside}"]
[[exceptions]]\nid = "EX-9"\nreason = "migration"\napprover = "security"\nexpires = ${expires}
scope = { hostnames = ["${hostname()}"] }\npermissions.filesystem.allow_read = ["${victim()}"]\n`);
  }

  function rememberMarked(): void {
    // The first run makes the tool's own folders, which is a change.
    for (let time = 0; time < 2; time++) expect(run()).toEqual(["untouched\n", false]);
    editRecords((text) => text.replace('"profile":":isolated"', '"profile":"marked"'));
    expect(run()).toEqual(["untouched\n", true]);
  }

  /** Records of the journals of all runs so far in which the exception is named. */
  function uses(): number {
    const sessions = join(machine.stage.home, ".local/state/sandboxed/sessions");
    const journals = readdirSync(sessions).map((id) => readFileSync(join(sessions, id, "journal.jsonl"), "utf8"));
    return journals.filter((text) => text.includes("EX-9")).length;
  }

  it("is recalled, recorded each time, and no longer once the exception is over", async () => {
    runs = 0;
    const until = Date.now() + 12_000;
    requireUntil(new Date(until).toISOString());
    rememberMarked();
    expect(uses()).toBe(runs);
    await new Promise((resolve) => setTimeout(resolve, until - Date.now() + 50));
    expect(run()).toEqual(["", false]);
  });

  it("is not recalled on a machine of another name", () => {
    requireUntil("2999-01-01T00:00:00Z");
    rememberMarked();
    const { stage } = machine;
    const command = 'hostname somebody-elses && exec "$@"';
    const tool = [process.execPath, stage.tool("sandboxed-run"), ...words()];
    expect(read(stage.plain("unshare", ["-u", "sh", "-c", command, "sh", ...tool]))).toEqual(["", false]);
    expect(run()[0]).toBe("untouched\n");
  });

  it("is not recalled by a clock that was set back", () => {
    requireUntil("2999-01-01T00:00:00Z");
    rememberMarked();
    editRecords((text) => text.replace(/"decided":\d+/, `"decided":${Date.now() + 3_600_000}`));
    expect(run()).toEqual(["untouched\n", false]);
  });
});
