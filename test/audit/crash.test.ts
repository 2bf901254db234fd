import { spawn, spawnSync } from "node:child_process";
import { appendFileSync, chmodSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import {
  adoptSession,
  journalPath,
  listSessions,
  openSession,
  readJournal,
  recoverable,
  verifyJournal,
} from "../../src/audit/index.ts";
import { buildAudit } from "./built.ts";

let folder: string;
let environment: ReadonlyMap<string, string>;
let library: string;

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "journal-crash-"));
  chmodSync(folder, 0o755);
  environment = new Map([["HOME", folder]]);
  library = buildAudit(folder);
});

afterEach(() => rmSync(folder, { recursive: true, force: true }));

const launching = `{kind:"run.launching",profile:":isolated",backend:"bwrap",plan:"00",program:"/bin/x",argv:[],reduced:[]}`;

/** A program with a journal `j` open; `path` is the journal's. */
function program(body: string): readonly string[] {
  const start = `
    const { openSession, journalPath } = require(${JSON.stringify(library)});
    const s = openSession({ ephemeral: false, argv: ["x"], cwd: "/", version: "0", environment: new Map([["HOME", ${JSON.stringify(folder)}]]) });
    const j = s.journal; const path = journalPath(s.folder);`;
  return ["-e", `${start}\n${body}`];
}

/** Runs until it is killed by itself, having said so; the session is then nobody's. */
async function killed(body: string): Promise<void> {
  const child = spawn(process.execPath, program(`${body}; console.log("done"); setInterval(() => {}, 1000);`), {
    stdio: ["ignore", "pipe", "inherit"],
  });
  await new Promise((resolve) => child.stdout.once("data", resolve));
  child.kill("SIGKILL");
  await new Promise((resolve) => child.once("exit", resolve));
}

function onlySession(): { readonly id: string; readonly folder: string; readonly journal: string } {
  const [first] = listSessions(environment);
  if (first === undefined) throw new Error("no session");
  return first;
}

const kinds = (path: string): readonly string[] => [...readJournal(path)].map((record) => record.kind);

describe("after kill -9", () => {
  it("durable events are there and verify", async () => {
    await killed(`j.append(${launching}, "durable"); j.append({kind:"run.started"}, "durable");`);
    const { journal } = onlySession();
    expect(kinds(journal)).toEqual(["session.opened", "run.launching", "run.started"]);
    expect(verifyJournal(journal)).toMatchObject({ status: "ok", count: 3, closed: false, unvouched: 0 });
  });

  it("batched events are there when their time was up", async () => {
    await killed(
      `j.append({kind:"run.started"}, "batched"); Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 25); j.append({kind:"run.started"}, "batched");`,
    );
    expect(kinds(onlySession().journal)).toEqual(["session.opened", "run.started", "run.started"]);
  });

  it.each([
    ["process.exit", `j.append({kind:"run.started"}, "batched"); process.exit(3);`],
    [
      "an uncaught error",
      `j.append({kind:"run.started"}, "batched"); process.stderr.write = () => true; throw new Error("x");`,
    ],
  ])("%s loses no batched event", (_name, body) => {
    spawnSync(process.execPath, program(body), { stdio: "ignore" });
    expect(kinds(onlySession().journal)).toEqual(["session.opened", "run.started"]);
  });

  it("an open run is found, taken over once and marked interrupted", async () => {
    await killed(`j.append(${launching}, "durable");`);
    const found = recoverable(environment);
    expect(found).toMatchObject([
      { id: onlySession().id, folder: onlySession().folder, launching: { kind: "run.launching" } },
    ]);
    const taken = adoptSession(environment, onlySession().id);
    expect(taken).not.toBeNull();
    expect(adoptSession(environment, onlySession().id)).toBeNull();
    expect(recoverable(environment)).toEqual([]);
    taken?.journal.append(
      { kind: "run.repaired", path: "/w/.git/hooks/x", action: "quarantined", kept: "/q" },
      "durable",
    );
    taken?.journal.close();
    expect(kinds(onlySession().journal)).toEqual([
      "session.opened",
      "run.launching",
      "run.interrupted",
      "run.repaired",
      "session.closed",
    ]);
    expect(verifyJournal(onlySession().journal)).toMatchObject({ status: "ok", closed: true, count: 5 });
    expect(readdirSync(join(folder, ".local/state/sandboxed/active"))).toEqual([]);
    expect(adoptSession(environment, onlySession().id)).toBeNull();
  });

  it("of many that take over at once one gets it", async () => {
    await killed(`j.append(${launching}, "durable");`);
    const { id } = onlySession();
    const body = `const { adoptSession } = require(${JSON.stringify(library)});
      const s = adoptSession(new Map([["HOME", ${JSON.stringify(folder)}]]), ${JSON.stringify(id)});
      console.log(s === null ? "no" : "mine"); setTimeout(() => {}, 600);`;
    const answers = await Promise.all(
      Array.from({ length: 6 }, () => {
        const child = spawn(process.execPath, ["-e", body], { stdio: ["ignore", "pipe", "inherit"] });
        return new Promise<string>((resolve) => child.stdout.once("data", (data) => resolve(String(data).trim())));
      }),
    );
    expect(answers.filter((answer) => answer === "mine")).toHaveLength(1);
  });

  it("a run that is going on, or ended, is nobody's to take", async () => {
    const living = openSession({ ephemeral: false, argv: [], cwd: "/", version: "0", environment });
    living.journal.append(
      { kind: "run.launching", profile: "p", backend: "b", plan: "", program: "/x", argv: [], reduced: [] },
      "durable",
    );
    expect(recoverable(environment)).toEqual([]);
    expect(adoptSession(environment, living.id)).toBeNull();
    living.journal.close();
    await killed(
      `j.append(${launching}, "durable"); j.append({kind:"run.ended",exit:0,signal:null,limit:null,status:0}, "durable");`,
    );
    expect(recoverable(environment)).toEqual([]);
    expect(readdirSync(join(folder, ".local/state/sandboxed/active"))).toEqual([]);
  });

  it("a process with the same number and another start, or of another boot, is dead; one of another namespace cannot be told", async () => {
    await killed(`j.append(${launching}, "durable");`);
    const mark = join(folder, ".local/state/sandboxed/active", onlySession().id);
    const owner = JSON.parse(readFileSync(mark, "utf8"));
    const found = (change: object): number => {
      writeFileSync(mark, JSON.stringify({ ...owner, ...change }));
      return recoverable(environment).length;
    };
    expect(found({ pid: process.pid })).toBe(1);
    expect(found({ pid: process.pid, boot: "earlier", namespace: "elsewhere" })).toBe(1);
    expect(found({ namespace: "elsewhere" })).toBe(0);
    writeFileSync(mark, "{");
    expect(recoverable(environment)).toEqual([]);
  });
});

describe("half a line at the end", () => {
  it("is reported by verify, cut aside on takeover, and the chain goes on", async () => {
    await killed(`j.append(${launching}, "durable");`);
    const { journal, id, folder: own } = onlySession();
    appendFileSync(journal, '{"seq":2,"time":"20');
    expect(verifyJournal(journal)).toMatchObject({ status: "ok", count: 2, torn: 19 });
    const taken = adoptSession(environment, id);
    taken?.journal.close();
    expect(readFileSync(join(own, "journal.torn"), "latin1")).toBe('{"seq":2,"time":"20');
    expect(kinds(journal)).toEqual([
      "session.opened",
      "run.launching",
      "journal.recovered",
      "run.interrupted",
      "session.closed",
    ]);
    expect(verifyJournal(journal)).toMatchObject({ status: "ok", closed: true, torn: 0 });
  });

  it("does not excuse a tail cut in the middle of a record that the head knows", async () => {
    await killed(`j.append(${launching}, "durable");`);
    const { journal, id } = onlySession();
    const text = readFileSync(journal, "latin1");
    writeFileSync(journal, text.slice(0, -20));
    expect(verifyJournal(journal)).toMatchObject({ status: "broken", what: "cut", seq: 1 });
    // Cut back to before the launch there is nothing to take up; with the launch in sight the takeover refuses.
    writeFileSync(journal, text.replace("/bin/x", "/bin/y"));
    expect(() => adoptSession(environment, id)).toThrowError(expect.objectContaining({ code: "journal_broken" }));
    expect(readFileSync(journal, "latin1")).toContain("/bin/y");
  });
});

// A limit on the size of files stands for a full disk: the write fails, or comes up short first.
function limited(blocks: number | "unlimited", body: string): string {
  const script = `trap '' XFSZ; ulimit -f ${blocks}; exec "$@"`;
  const result = spawnSync("sh", ["-c", script, "sh", process.execPath, ...program(body)], { encoding: "utf8" });
  return (result.stdout + result.stderr).trim();
}

describe.skipIf(process.platform === "win32")("a disk that takes no more", () => {
  // On a slow machine a batch is full of age before all of them are there: then it is one of them that is refused.
  const events = `const told = (act) => { try { act(); return false; } catch (e) { console.log(e.code); return true; } };
    const many = (d) => { for (let i = 0; i < 60; i++) j.append({kind:"run.repaired",path:"/p"+i,action:"reverted",kept:null}, d); };`;

  it.each([
    ["durable, at once", `told(() => many("durable"));`, "journal_unwritable"],
    [
      "batched, at the next call",
      `told(() => many("batched")) || setTimeout(() => told(() => j.append({kind:"run.started"}, "batched")), 60);`,
      "journal_unwritable",
    ],
    ["batched, at close", `told(() => many("batched")) || told(() => j.close());`, "journal_unwritable"],
  ])("%s", (_name, body, expected) => {
    expect(limited(8, `${events} ${body}`)).toBe(expected);
    // What is there is whole: no half batch.
    expect(verifyJournal(onlySession().journal)).toMatchObject({ status: "ok", torn: 0 });
    rmSync(join(folder, ".local"), { recursive: true });
    expect(limited("unlimited", `${events} ${body}`)).toBe("");
    expect([...readJournal(onlySession().journal)].length).toBeGreaterThan(60);
  });
});

describe("loading", () => {
  it("keeps a short session without the crypto module, and a long one with it, as one chain", () => {
    const [, text = ""] = program(`
      const loaded = () => process.moduleLoadList.includes("NativeModule crypto");
      const event = {kind:"run.repaired", path:"x".repeat(100), action:"quarantined", kept:null};
      j.append({kind:"run.started"}, "durable"); const short = loaded();
      for (let n = 0; n < 100; n++) j.append(event, n % 3 === 0 ? "durable" : "batched");
      console.log(short, loaded());`);
    // A file, because `node -e` loads every module by itself.
    writeFileSync(join(folder, "main.cjs"), text);
    const { stdout } = spawnSync(process.execPath, [join(folder, "main.cjs")], { encoding: "utf8", env: {} });
    expect(stdout.trim()).toBe("false true");
    expect(verifyJournal(journalPath(onlySession().folder))).toMatchObject({ status: "ok", count: 102 });
  });
});
