import { mkdirSync, mkdtempSync, chmodSync, chownSync, renameSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { open, PLAN, python } from "./door.ts";
import { asRoot, build, everybody, inode, remove, run, workFolder } from "./launch.ts";
import type { LaunchRequest, Outcome } from "./launch.ts";

// The same programs under AddressSanitizer and UndefinedBehaviorSanitizer: what they find ends them early, and what they
// print arrives as an error of bwrap's.
let native = "";
beforeAll(() => {
  native = mkdtempSync(join(tmpdir(), "native-sanitized-"));
  chmodSync(native, 0o755);
  build(native, { SANITIZE: "1" });
}, 120_000);
afterAll(() => remove(native));

describe.each(everybody)("with sanitizers, started by $name", (who) => {
  let work = "";
  beforeAll(() => {
    work = workFolder(who);
    mkdirSync(join(work, "protected"));
    writeFileSync(join(work, "protected/file"), "one");
    if (asRoot) for (const name of ["protected", "protected/file"]) chownSync(join(work, name), who.runs, who.runs);
  });
  afterAll(() => remove(work));

  it.each<{ what: string; last: RegExp; more: Partial<LaunchRequest> }>([
    {
      what: "streams and their memory",
      last: /^exit 3$/,
      more: { run: "seq 40000 >&2; seq 10; exit 3", guard: [["stderr", "tee"]] },
    },
    { what: "a program that is not there", last: /^noexec 2$/, more: { run: ["/absent"] } },
    {
      what: "a refused expectation",
      last: /^failed expect /,
      more: { init: [["expect", "read", "/absent", "-", "-"]] },
    },
    { what: "broken instructions", last: /^failed instructions /, more: { init: [["limit", "nofile", "x"]] } },
    {
      what: "a memory limit",
      last: /^limit memory /,
      more: {
        run: "head -c 400000000 /dev/zero | tail; true",
        init: [
          ["memory", "100000000"],
          ["tasks", "50"],
          ["counted", "/tmp"],
        ],
      },
    },
    {
      what: "too many tasks",
      last: /^limit tasks /,
      more: {
        run: "for i in $(seq 60); do sleep 5 & done; wait",
        init: [
          ["tasks", "50"],
          ["pidmax", "301"],
        ],
      },
    },
    {
      what: "a terminal of its own",
      last: /^exit 0$/,
      more: {
        run: "tty; stty size",
        guard: [
          ["terminal", "own"],
          ["stderr", "tee"],
        ],
        init: [["terminal", "own"]],
      },
    },
    {
      what: "no namespaces",
      last: /^exit 0$/,
      more: {
        direct: true,
        run: "setsid sleep 50 & exit 0",
        init: [
          ["readable", "/"],
          ["writable", "/dev/null"],
          ["memory", "1000000000"],
          ["tasks", "1000"],
        ],
      },
    },
  ])("$what", async ({ last, more }) => {
    const outcome = await run({ who, work, native, run: "true", ...more });
    expect(outcome.lines.at(-1)).toMatch(last);
    clean(outcome);
  });

  it("a door, and dialling through it", async () => {
    const script = "get('93.184.216.34', 443)\nask('8.8.8.8')\nprint('up', flush=True)\nsys.stdin.read()";
    const request = { who, work, native, run: python(script), stdio: ["pipe", "pipe", "pipe"] } as const;
    const { channel, launch, outcome } = open(request);
    await channel.door;
    await expect(Promise.all(PLAN.published.map((port) => channel.dial(port)))).rejects.toThrow("ECONNREFUSED");
    await expect(channel.dial(9)).rejects.toThrow("EACCES");
    launch.input?.end();
    expect((await outcome).out).toBe("::ffff:93.184.216.34:443\nHELLO\nup\n");
    clean(await outcome);
  });

  // Where a slow build is late to look, the run ends instead of going on: refused all the same, so it may try again.
  it("replaced files, checked paths and the final sweep", { retry: 2 }, async () => {
    const file = join(work, "protected/file");
    const outcome = await run({
      who,
      work,
      native,
      run: `while [ $(cat protected/file) = one ]; do :; done; sleep 0.2; echo x >appeared; (echo evil >protected/file) 2>/dev/null || echo refused`,
      mounts: [`--ro-bind ${file} ${file}`],
      guard: [
        ["quarantine", `${work}/appeared`, `${work}/a side`],
        ["quarantine", `${work}/absent/x`, `${work}/b`],
        ["placeholder", `${work}/protected`],
      ],
      init: [
        ["expect", "read", file, ...inode(file)],
        ["rebind", file],
      ],
      onLine: (line) => {
        if (line !== "started") return;
        writeFileSync(`${file}.new`, "two");
        chmodSync(`${file}.new`, 0o666);
        renameSync(`${file}.new`, file);
      },
    });
    expect(outcome.lines).toEqual(["ready", "started", `rebound ${file}`, "exit 0"]);
    expect(outcome.out).toBe("refused\n");
    expect(outcome.guard[0]).toBe(`quarantined ${work}/appeared ${work}/a\\040side`);
    clean(outcome);
  });
});

function clean(outcome: Outcome): void {
  expect(outcome.guard.filter((line) => line.startsWith("bwrap-error"))).toEqual([]);
  expect(outcome.guard.at(-1)).toMatch(/^end (0|256)$/);
  expect(outcome.err).not.toMatch(/Sanitizer|runtime error/);
}
