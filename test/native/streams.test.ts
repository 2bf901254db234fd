import { closeSync, openSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { remove, run, somebody, start, workFolder } from "./launch.ts";
import type { LaunchRequest, Outcome, Words } from "./launch.ts";

const TEE: readonly Words[] = [["stderr", "tee"]];
const HEAD = 32 * 1024;
const TAIL = 64 * 1024;

let work = "";
beforeEach(() => {
  work = workFolder(somebody);
});
afterEach(() => remove(work));

const go = (script: string, more: Partial<LaunchRequest> = {}): Promise<Outcome> =>
  run({ who: somebody, work, run: script, ...more });

describe("standard error, listened to", () => {
  it("arrives byte for byte and is kept", async () => {
    const script = "head -c 3000000 /dev/urandom | tee made >&2; echo out";
    const { out, err, heard } = await go(script, { guard: TEE });
    const made = readFileSync(join(work, "made"), "latin1");
    expect(out).toBe("out\n");
    expect(err === made).toBe(true);
    expect(heard === made.slice(0, HEAD) + made.slice(-TAIL)).toBe(true);
  });

  it.each([0, 1, HEAD - 1, HEAD, HEAD + 1, HEAD + TAIL - 1, HEAD + TAIL, HEAD + TAIL + 1])(
    "is kept whole or cut right, at %i bytes",
    async (length) => {
      const { err, heard } = await go(`seq 100000 | head -c ${length} >&2`, { guard: TEE });
      expect(err).toHaveLength(length);
      expect(heard === (length <= HEAD + TAIL ? err : err.slice(0, HEAD) + err.slice(-TAIL))).toBe(true);
    },
  );

  it("keeps the order where both streams are one file", async () => {
    const script = "for i in $(seq 300); do echo out $i; echo err $i >&2; done";
    const wanted = Array.from({ length: 300 }, (_, i) => `out ${i + 1}\nerr ${i + 1}\n`).join("");
    const file = openSync(join(work, "log"), "a");
    const { heard } = await go(script, { guard: TEE, stdio: ["ignore", file, file] });
    closeSync(file);
    expect(readFileSync(join(work, "log"), "utf8")).toBe(wanted);
    expect(heard).toBe(wanted);
  });

  it("is not heard when nobody listens", async () => {
    const { err, guard } = await go("echo err >&2");
    expect([err, guard]).toEqual(["err\n", ["end 0"]]);
  });

  it("can be opened by name, by whoever the program is", async () => {
    expect((await go("echo named >/dev/stderr", { guard: TEE })).err).toBe("named\n");
  });

  it("breaks for the program when its reader has gone", async () => {
    const { child, outcome } = start({
      who: somebody,
      work,
      run: "while echo line >&2; do :; done; exit 0",
      guard: TEE,
    });
    child.stderr?.once("data", () => child.stderr?.destroy());
    expect((await outcome).lines.at(-1)).toBe("signal 13");
  });

  it("waits for a slow reader and loses nothing", async () => {
    const { child, outcome } = start({
      who: somebody,
      work,
      run: "seq 200000 >&2",
      guard: TEE,
      stdio: ["ignore", "ignore", "pipe"],
    });
    child.stderr?.pause();
    setTimeout(() => child.stderr?.resume(), 700);
    const { err } = await outcome;
    expect(err.split("\n")).toHaveLength(200_001);
  });
});

describe("streams passed on", () => {
  it("end when the program closes them", async () => {
    const began = performance.now();
    const { child, outcome } = start({ who: somebody, work, run: "exec >&-; sleep 2" });
    const closed = await new Promise<number>((resolve) =>
      child.stdout?.once("end", () => resolve(performance.now() - began)).resume(),
    );
    await outcome;
    expect(closed).toBeLessThan(1500);
  });

  it("carry input", async () => {
    const { input, outcome } = start({ who: somebody, work, run: "cat", stdio: ["pipe", "pipe", "pipe"] });
    input?.end("typed");
    expect((await outcome).out).toBe("typed");
  });

  it("that were closed are empty, not somebody else's", async () => {
    const { out } = await go("readlink /proc/self/fd/0", { stdio: ["ignore", "pipe", "pipe"] });
    expect(out).toBe("/dev/null\n");
  });
});

describe("a terminal of its own", () => {
  const own = { guard: [["terminal", "own"]], init: [["terminal", "own"]] };

  it("is the controlling terminal, and relays both ways", async () => {
    const { input, outcome } = start({
      who: somebody,
      work,
      run: "test -t 0 && test -t 1 && test -t 2 && echo tty >/dev/tty; read x; echo got $x",
      ...own,
      stdio: ["pipe", "pipe", "pipe"],
    });
    input?.write("typed\n");
    const { out } = await outcome;
    expect(out.replaceAll("\r", "").replace("typed\n", "")).toBe("tty\ngot typed\n");
  });

  it("turns Ctrl-C into a signal and the end of input into Ctrl-D", async () => {
    const asked = start({
      who: somebody,
      work,
      run: "echo ready; exec sleep 5",
      ...own,
      stdio: ["pipe", "pipe", "pipe"],
    });
    asked.child.stdout?.once("data", () => asked.input?.write("\u0003"));
    expect((await asked.outcome).lines.at(-1)).toBe("signal 2");
    const ended = start({ who: somebody, work, run: "cat; echo end", ...own, stdio: ["pipe", "pipe", "pipe"] });
    ended.input?.end();
    expect((await ended.outcome).out).toMatch(/end\r\n$/);
  });

  it("delivers everything written just before the end", async () => {
    const { out } = await go("seq 20000", own);
    expect(out.split("\r\n")).toHaveLength(20_001);
  });

  it("twin: `none` has no terminal at all", async () => {
    const { err, lines } = await go("echo x >/dev/tty", {
      init: [["terminal", "none"]],
      guard: [["terminal", "none"]],
    });
    expect(err).toMatch(/No such device or address/);
    expect(lines.at(-1)).toBe("exit 2");
  });
});
