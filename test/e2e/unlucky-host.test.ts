import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { onStage } from "../stage/index.ts";
import type { Stage } from "../stage/index.ts";
import { RequiringMachine } from "../stage/required.ts";

const ways = [
  { way: "by the starter", options: [] },
  { way: "by Node", options: ["--no-addons"] },
];

/** A host that runs `program` through the library, and what it prints as JSON. */
function hostOf(stage: Stage, options: readonly string[], text: string): unknown {
  const library = join(process.env["SANDBOXED_TEST_TOOL"] ?? "", "dist/index.js");
  const file = join(stage.folder, "host.mjs");
  stage.write(
    file,
    `import { closeSync, openSync, readdirSync, writeFileSync } from "node:fs";
import { policyFrom, run } from ${JSON.stringify(library)};
const policy = await policyFrom({ extends: ":workspace" });
const sh = (script, more) => run({ policy, program: "sh", arguments: ["-c", script], explain: false, ...more });
// What is loaded late is loaded.
await sh("true", { streams: ["pipe", "pipe", "pipe"] });
${text}
writeFileSync(${JSON.stringify(`${file}.said`)}, JSON.stringify(said));
process.exit(0);
`,
  );
  const limited = ["--nofile=160:160", process.execPath, ...options, file];
  const { status, stderr } = stage.plain("prlimit", limited);
  expect([status, stderr]).toEqual([0, ""]);
  return JSON.parse(stage.read(`${file}.said`) ?? "null");
}

describe.each(ways)("started $way", ({ options }) => {
  it("a program gets nothing of the tool's where the host has closed a standard stream", () =>
    onStage("self", (stage) => {
      stage.repository();
      const looks = "for n in 0 1 2; do readlink /proc/$$/fd/$n; done >seen";
      const said = hostOf(
        stage,
        options,
        `for (const fd of [0, 1, 2]) closeSync(fd);
const { status } = await sh(${JSON.stringify(`exec 9>&1; ${looks}; readlink /proc/$$/fd/9 >>seen`)}, { streams: ["inherit", "inherit", "inherit"] });
const gone = await sh("true", { streams: ["ignore", 99, "ignore"] }).catch(({ code }) => code);
const said = [status, gone];`,
      );
      expect(said).toEqual([0, "setup_failed"]);
      const seen = stage.read("seen")?.trim().split("\n") ?? [];
      expect([seen[0], seen[2], seen[3]]).toEqual(["/dev/null", "/dev/null", "/dev/null"]);
    }));

  it("a host that has run out of descriptors is told, and loses none", () =>
    onStage("self", (stage) => {
      stage.repository();
      const said = hostOf(
        stage,
        options,
        `const uncaught = [];
process.on("uncaughtException", ({ message }) => uncaught.push(message));
// What has ended is closed a turn later.
const open = async () => {
  await new Promise((resolve) => setTimeout(resolve, 200));
  return readdirSync("/proc/self/fd").length;
};
const codes = new Set();
const attempt = () => sh("true", { streams: ["pipe", "pipe", "pipe"] }).then(({ status }) => status, ({ code, message }) => code ?? message);
async function starve() {
  for (let free = 5; free < 50; free += 6) {
    const held = [];
    try {
      for (;;) held.push(openSync("/dev/null"));
    } catch {}
    held.splice(0, free).forEach((fd) => closeSync(fd));
    codes.add(await attempt());
    held.forEach((fd) => closeSync(fd));
  }
}
await starve();
// Node keeps some for itself the first time.
const before = await open();
await starve();
const lost = Math.max(0, (await open()) - before);
// Whether this host has bubblewrap may have to be asked, which takes descriptors, too.
codes.delete("backend_missing");
const said = { codes: [...codes].toSorted(), last: await attempt(), lost, uncaught };`,
      );
      expect(said).toEqual({ codes: [0, "setup_failed"], last: 0, lost: 0, uncaught: [] });
    }));
});

/** Refuses the system call of this number from here on, as old kernels and older filters do. */
const refusing = `
import ctypes, os, struct, sys
rules = [(0x20, 0, 0, 0), (0x15, 0, 1, int(sys.argv[1])), (6, 0, 0, 0x50000 | int(sys.argv[2])), (6, 0, 0, 0x7fff0000)]
code = ctypes.create_string_buffer(b"".join(struct.pack("HBBI", *rule) for rule in rules))
class Program(ctypes.Structure): _fields_ = [("count", ctypes.c_ushort), ("code", ctypes.c_void_p)]
libc = ctypes.CDLL(None)
libc.prctl(38, 1, 0, 0, 0)
assert libc.prctl(22, 2, ctypes.byref(Program(len(rules), ctypes.addressof(code))), 0, 0) == 0
os.execvp(sys.argv[3], sys.argv[3:])`;
const calls = { pidfd_open: 434, open_tree: 428, move_mount: 429, memfd_create: process.arch === "x64" ? 319 : 279 };
const errors = [
  [38, "a kernel without"],
  [1, "a filter that refuses"],
] as const;

describe("a program is started", () => {
  it.each(
    Object.entries(calls).flatMap(([name, call]) =>
      errors.map(([error, host]) => [`${host} ${name}`, call, error] as const),
    ),
  )("on %s", (_, call, error) =>
    onStage("self", (stage) => {
      stage.repository();
      const tool = [process.execPath, stage.tool("sandboxed-run"), "--", "sh", "-c", "echo ran; exit 7"];
      const filtered = ["-c", refusing, String(call), String(error), ...tool];
      const { status, stdout, stderr } = stage.plain("python3", filtered);
      expect([status, stdout, stderr]).toEqual([7, "ran\n", ""]);
    }),
  );

  it.each(["", "--no-addons"])("with no signal ignored that its shell ignores, NODE_OPTIONS=%s", (options) =>
    onStage("self", (stage) => {
      stage.repository();
      const program = "grep SigIgn /proc/self/status; exit 7";
      const ignoring = `trap '' CHLD HUP INT TERM USR1 PIPE ALRM; exec "$@"`;
      const tool = [process.execPath, stage.tool("sandboxed-run"), "--", "sh", "-c", program];
      const { status, stdout } = stage.plain("sh", ["-c", ignoring, "sh", ...tool], {
        environment: { NODE_OPTIONS: options },
      });
      expect([status, stdout]).toEqual([7, "SigIgn:\t0000000000000000\n"]);
    }),
  );
});

// Only root makes an overlay.
describe.skipIf(process.getuid?.() !== 0)("a file system", () => {
  it("may number its files with all of 64 bits", () => {
    const machine = new RequiringMachine();
    try {
      const number = machine.stage.plain("stat", ["-c", "%i", "/etc/passwd"]).stdout;
      expect(BigInt(number) >> 63n).toBe(1n);
      expect(machine.stage.sh("head -c 5 /etc/passwd")).toMatchObject({ stdout: "root:", status: 0 });
    } finally {
      machine.remove();
    }
  });
});
