import { once } from "node:events";
import { cpSync, linkSync, mkdirSync, readdirSync, readFileSync, renameSync, symlinkSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { Stage } from "../stage/index.ts";

const asRoot = process.getuid?.() === 0;
const grants = ["fs.read", "fs.write", "patch"].flatMap((kind) => ["--grant", `${kind}=/**,**`]);
const words = ["-q", "-P", ":workspace", ...grants];

const TRIED = `
import json, os, sandboxed, time
session = sandboxed.connect()
def tried(method, **params):
    try:
        session.call("session." + method, **params)
        return "done"
    except sandboxed.SessionError as error: return error.code
def acts(path):
    patch = "*** Begin Patch\\n*** Delete File: " + path + "\\n*** End Patch"
    return [tried("read", path=path), tried("apply_patch", patch=patch), tried("write", path=path, content="x")]
`;

/** A stage on whose host a session was kept before, and beside its state a copy that is nobody's. */
interface Kept {
  readonly stage: Stage;
  /** A file of the earlier session, below the state or its copy. */
  readonly file: string;
  readonly folder: string;
}

let kept: Kept;

function keep(): Kept {
  const stage: Stage = new Stage("self", () => (asRoot ? inMounts(stage) : []));
  for (const place of ["own", "copy", "own-inner", "copy-inner"]) mkdirSync(join(stage.workspace, place));
  const folder = join(stage.home, ".local/state");
  for (const name of ["sandboxed", "other"]) mkdirSync(join(folder, name), { recursive: true, mode: 0o700 });
  mkdirSync(join(folder, "sandboxed/sessions"), { mode: 0o700 });
  mkdirSync(join(folder, "other/sessions"));
  stage.sh("true", ["-q"]);
  const [session = ""] = readdirSync(join(folder, "sandboxed/sessions"));
  cpSync(join(folder, "sandboxed"), join(folder, "other"), { recursive: true });
  const file = `sessions/${session}/journal.jsonl`;
  symlinkSync(folder, join(stage.outside, "up"));
  for (const [name, of] of names) {
    symlinkSync(join(folder, of), join(stage.outside, name));
    linkSync(join(folder, of, file), join(stage.workspace, `${name}-hard`));
  }
  return { stage, file, folder };
}

const names = [
  ["own", "sandboxed"],
  ["copy", "other"],
] as const;

/** Words that have a command see state and copy, and what holds their sessions, under names in the workspace as well. */
function inMounts({ home, workspace }: Stage): readonly string[] {
  const binds = names.flatMap(([name, of]) => [
    `mount --bind ${home}/.local/state/${of} ${workspace}/${name}`,
    `mount --bind ${home}/.local/state/${of}/sessions ${workspace}/${name}-inner`,
  ]);
  return ["unshare", "-m", "sh", "-c", `${binds.join(" && ")} && exec "$@"`, "sh"];
}

const ways: readonly (readonly [way: string, path: (of: string, name: string) => string])[] = [
  ["its name", (of) => join(kept.folder, of, kept.file)],
  ["its name with detours", (of) => `${kept.folder}/.//x/../${of}/./${kept.file}`],
  ["a relative path", (of) => `../../.local/state/${of}/${kept.file}`],
  ["a symlink to it", (_, name) => join(kept.stage.outside, name, kept.file)],
  ["a symlink to what holds it", (of) => join(kept.stage.outside, "up", of, kept.file)],
  ["a hard link", (_, name) => `${name}-hard`],
];
const mounts: typeof ways = [
  ["a bind mount of it", (_, name) => join(name, kept.file)],
  ["a bind mount of what is in it", (_, name) => join(`${name}-inner`, kept.file.slice("sessions/".length))],
];
const all = [...ways, ...(asRoot ? mounts : [])];

describe("the tool's own state", () => {
  /** What each act came to, by the way and by whose file it was. */
  let told: ReadonlyMap<string, readonly string[]>;
  let stateBefore: ReadonlyMap<string, string>;
  let stateAfter: ReadonlyMap<string, string>;
  beforeAll(() => {
    kept = keep();
    const { stage, folder } = kept;
    const asked = all.flatMap(([way, path]) => names.map(([name, of]) => [`${way} ${name}`, path(of, name)]));
    const script = `${TRIED}\nprint(json.dumps([[way, acts(path)] for way, path in ${JSON.stringify(asked)}]))`;
    stateBefore = stage.snapshot(join(folder, "sandboxed"));
    const { stdout, stderr } = stage.python(script, words);
    expect(stderr).toBe("");
    told = new Map(JSON.parse(stdout));
    stateAfter = stage.snapshot(join(folder, "sandboxed"));
  });
  afterAll(() => kept.stage.remove());

  it.each(all)("by %s is neither read nor written, and a copy of it is", (way) => {
    expect(told.get(`${way} own`)).toEqual(Array(3).fill("policy_denied"));
    expect(told.get(`${way} copy`)).toEqual(Array(3).fill("done"));
  });

  it("is as it was, and the copy is not", () => {
    const { folder, file } = kept;
    expect([...stateBefore].filter(([path, was]) => stateAfter.get(path) !== was)).toEqual([]);
    expect(readFileSync(join(folder, "other", file), "utf8")).toBe("x");
  });
});

/** On a stage of its own. */
async function keeping(act: (kept: Kept) => void | Promise<void>): Promise<void> {
  const own = keep();
  try {
    await act(own);
  } finally {
    own.stage.remove();
  }
}

it("the tool's own state is not reached by what the kernel makes up", () =>
  keeping(({ stage, file, folder }) => {
    const paths = ["/proc/self/root", "/proc/1/root", "/proc/thread-self/root"].map(
      (start) => `${start}${folder}/sandboxed/${file}`,
    );
    const script = `${TRIED}\nprint(json.dumps([code for path in ${JSON.stringify(paths)} for code in acts(path)]))`;
    expect(JSON.parse(stage.python(script, words).stdout)).toEqual(Array(9).fill("unsupported"));
  }));

it("the tool's own state stays closed while what holds it gets another name, and a copy does not", () =>
  keeping(async ({ stage, file, folder }) => {
    const moved = join(folder, "../moved");
    const paths = names.map(([, of]) => join(moved, of, file));
    const waiting = `open("ready", "w").close()\nwhile not os.path.exists("go"): time.sleep(0.02)`;
    const script = `${TRIED}\n${waiting}\nprint(json.dumps([acts(path) for path in ${JSON.stringify(paths)}]))`;
    const run = stage.start([...words, "--", "python3", "-c", script]);
    let said = "";
    run.stdout?.on("data", (chunk: Buffer) => (said += chunk.toString()));
    while (stage.read("ready") === null) await sleep(20);
    renameSync(folder, moved);
    stage.write("go", "");
    await once(run, "close");
    expect(JSON.parse(said)).toEqual([Array(3).fill("policy_denied"), Array(3).fill("done")]);
  }));

describe.runIf(asRoot)("a program", () => {
  it.each([":workspace", ":isolated"])("sees the tool's own state under no other name of a mount in %s", (profile) =>
    keeping(({ stage }) => {
      const write = "for each in own own-inner copy copy-inner; do echo x >$each/x; done";
      const { stdout } = stage.sh(`ls own own-inner copy copy-inner; cat own/*/*; ${write}`, ["-q", "-P", profile]);
      expect(stdout).toMatch(/^copy:\nactive\nsessions\n\ncopy-inner:\n\S+\n$/);
      const [own, copy] = names.map(([, of]) =>
        ["x", "sessions/x"].map((name) => stage.read(join(stage.home, ".local/state", of, name))),
      );
      expect([own, copy]).toEqual([
        [null, null],
        ["x\n", "x\n"],
      ]);
    }),
  );
});
