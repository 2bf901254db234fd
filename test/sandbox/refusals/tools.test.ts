import { spawnSync } from "node:child_process";
import { chmodSync, lstatSync, mkdirSync, mkdtempSync, realpathSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { absolutePath } from "../../../src/policy/index.ts";
import type { Oracle } from "../../../src/policy/index.ts";
import { findRefusals } from "../../../src/sandbox/refusals/index.ts";
import { machine, oracle as compiled, profile } from "../../policy/machine.ts";

/** Real tools, as an ordinary user, against files whose permissions say what the policy says. */
let folder: string;
let oracle: Oracle;
const isRoot = process.geteuid?.() === 0;
const nobody = 65_534;
const path = "/usr/local/bin:/usr/bin:/bin";

beforeAll(() => {
  folder = realpathSync(mkdtempSync(join(tmpdir(), "refusals-")));
  const at = (name: string): string => join(folder, name);
  for (const name of ["ro", "nox", "rw"]) mkdirSync(at(name));
  for (const name of ["ro/f", "priv", "rw/f", "rw/priv", "it's"]) writeFileSync(at(name), "text\n");
  spawnSync("git", ["init", "-q", at("ro/repo")], { env: { PATH: path, HOME: folder } });
  if (isRoot) spawnSync("chown", ["-R", `${nobody}:${nobody}`, folder]);
  for (const name of ["priv", "nox", "it's"]) chmodSync(at(name), 0);
  spawnSync("chmod", ["-R", "a-w", at("ro")]);
  chmodSync(folder, 0o555);
  const grants = {
    "/": "read",
    [folder]: "read",
    [at("rw")]: "write",
    [at("priv")]: "deny",
    [at("nox")]: "deny",
    [at("it's")]: "deny",
  } as const;
  oracle = compiled(
    profile({ filesystem: grants }),
    machine({ cwd: absolutePath(folder), workspaceRoots: [], protectedPaths: [] }),
  );
});

afterAll(() => {
  spawnSync("chmod", ["-R", "u+rwx", folder]);
  rmSync(folder, { recursive: true, force: true });
});

function run(words: readonly string[]): { readonly errors: string; readonly status: number | null } {
  const user = isRoot ? ["setpriv", `--reuid=${nobody}`, `--regid=${nobody}`, "--clear-groups"] : [];
  const [command = "", ...rest] = [...user, ...words];
  const result = spawnSync(command, rest, {
    cwd: folder,
    env: { PATH: path, HOME: folder, LC_ALL: "C.UTF-8" },
    encoding: "utf8",
    timeout: 15_000,
  });
  return { errors: result.stderr, status: result.status };
}

/** Below a directory that the tests' own user may not enter, nothing can be seen. */
function exists(name: string): boolean {
  try {
    return lstatSync(name, { throwIfNoEntry: false }) !== undefined;
  } catch {
    return false;
  }
}

function refusals(text: string): readonly string[] {
  const found = findRefusals({
    text,
    oracle,
    cwd: folder,
    home: folder,
    exists,
  });
  return found.map(({ query }) => {
    if (query.op === "connect") return `connect ${query.host}:${query.port}`;
    return "path" in query ? `${query.op} ${query.path.slice(folder.length + 1)}` : query.op;
  });
}

const has = (tool: string): boolean =>
  path.split(":").some((each) => lstatSync(join(each, tool), { throwIfNoEntry: false }) !== undefined);
const python = (code: string): readonly string[] => ["python3", "-c", code];
const node = (code: string): readonly string[] => ["node", "-e", code];

/** The refused act, what it tells, and the same act where it is allowed. */
const table: readonly (readonly [
  refused: readonly string[],
  expected: readonly string[],
  allowed: readonly string[],
])[] = [
  [["cat", "priv"], ["read priv"], ["cat", "rw/f"]],
  [["cat", "it's"], ["read it's"], ["cat", "rw/f"]],
  [["head", "priv"], ["read priv"], ["head", "rw/f"]],
  [["grep", "x", "priv"], ["read priv"], ["grep", "text", "rw/f"]],
  [["ls", "nox"], ["list nox"], ["ls", "rw"]],
  [["find", "nox"], ["read nox"], ["find", "rw"]],
  [["touch", "ro/new"], ["create ro/new"], ["touch", "rw/new"]],
  [["touch", "new"], ["create new"], ["touch", "rw/new"]],
  [["mkdir", "ro/a b"], ["create ro/a b"], ["mkdir", "rw/a b"]],
  [["rm", "-f", "ro/f"], ["move ro/f"], ["rm", "-f", "rw/priv"]],
  [
    ["mv", "ro/f", "ro/g"],
    ["move ro/f", "move ro/g"],
    ["mv", "rw/f", "rw/f2"],
  ],
  [["cp", "/etc/passwd", "ro/p"], ["create ro/p"], ["cp", "/etc/passwd", "rw/p"]],
  [["ln", "-s", "x", "ro/l"], ["create ro/l"], ["ln", "-s", "x", "rw/l"]],
  [["tee", "ro/new"], ["create ro/new"], ["tee", "rw/t"]],
  [
    ["tar", "cf", "ro/x.tar", "/etc/hostname"],
    ["create ro/x.tar"],
    ["tar", "cf", "rw/x.tar", "-C", "/etc", "hostname"],
  ],
  [["sed", "-i", "s/a/b/", "ro/f"], ["create ro/sed"], ["sed", "-i", "s/a/b/", "rw/p"]],
  [["sh", "-c", "echo x > ro/new"], ["create ro/new"], ["sh", "-c", "echo x > rw/s"]],
  [["sh", "-c", "cat < priv"], ["read priv"], ["sh", "-c", "cat < rw/s"]],
  [["sh", "-c", ". ./priv"], ["read priv"], ["sh", "-c", "true"]],
  [["bash", "-c", "echo x > ro/new"], ["create ro/new"], ["bash", "-c", "echo x > rw/b"]],
  [["bash", "-c", "echo x > new"], ["create new"], ["bash", "-c", "echo x > rw/b"]],
  [["bash", "-c", "cd nox"], ["list nox"], ["bash", "-c", "cd rw"]],
  [["bash", "-c", "echo > /dev/tcp/127.0.0.1/9"], ["connect 127.0.0.1:9"], ["bash", "-c", "true"]],
  [python('open("priv")'), ["read priv"], python('open("rw/s")')],
  [python('open("ro/new", "w")'), ["create ro/new"], python('open("rw/py", "w")')],
  [
    python('import os; os.rename("ro/f", "ro/g h")'),
    ["move ro/f", "move ro/g h"],
    python('import os; os.rename("rw/py", "rw/py 2")'),
  ],
  [python('import os; os.listdir("nox")'), ["read nox"], python('import os; os.listdir("rw")')],
  [
    python('import pathlib; pathlib.Path("it\'s").read_text()'),
    ["read it's"],
    python('import pathlib; pathlib.Path("rw/s").read_text()'),
  ],
  [node('fs.readFileSync("priv")'), ["read priv"], node('fs.readFileSync("rw/s")')],
  [node('fs.writeFileSync("ro/new", "")'), ["create ro/new"], node('fs.writeFileSync("rw/n", "")')],
  [node('fs.renameSync("ro/f", "ro/g")'), ["move ro/f", "move ro/g"], node('fs.renameSync("rw/n", "rw/n2")')],
  [node('fs.promises.mkdir("ro/d")'), ["create ro/d"], node('fs.promises.mkdir("rw/d")')],
  [node('net.connect(9, "127.0.0.1")'), ["connect 127.0.0.1:9"], node("0")],
  [["git", "-C", "ro/repo", "config", "a.b", "c"], [], ["git", "--version"]],
  [["git", "init", "ro/other"], ["create ro/other"], ["git", "init", "-q", "rw/other"]],
  [["git", "clone", "http://127.0.0.1:9/x.git", "rw/x"], ["connect 127.0.0.1:9"], ["git", "--version"]],
  [
    ["gcc", "-o", "ro/out", "-x", "c", "/dev/null"],
    ["create ro/out"],
    ["gcc", "-c", "-o", "rw/out", "-x", "c", "/dev/null"],
  ],
  [["gcc", "nox/a.c"], ["read nox/a.c"], ["gcc", "--version"]],
  [["curl", "-sS", "http://127.0.0.1:9/"], ["connect 127.0.0.1:9"], ["curl", "--version"]],
  [["wget", "http://127.0.0.1:9/"], ["connect 127.0.0.1:9"], ["wget", "--version"]],
  [["ssh", "-p", "9", "-o", "BatchMode=yes", "127.0.0.1"], ["connect 127.0.0.1:9"], ["ssh", "-V"]],
  [["perl", "-e", 'open(F, "<", "priv") or die "Cannot open ./priv: $!"'], ["read priv"], ["perl", "-e", "1"]],
  [["make", "-C", "nox"], ["read nox"], ["make", "--version"]],
];

describe.skipIf(isRoot && !has("setpriv"))("refusals of real tools", () => {
  for (const [words, expected, allowed] of table) {
    it.skipIf(!has(words[0] ?? ""))(words.join(" "), () => {
      const { errors, status } = run(words);
      expect(status).not.toBe(0);
      // A temporary name has a part that nobody knows before.
      expect(refusals(errors).map((each) => each.replace(/(ro\/sed)\w+/, "$1"))).toEqual(expected);
      const twin = run(allowed);
      expect([twin.status, refusals(twin.errors)]).toEqual([0, []]);
    });
  }
});
