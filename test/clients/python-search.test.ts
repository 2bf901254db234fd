import { execFileSync, spawnSync } from "node:child_process";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";

const client = new URL("../../clients/python/", import.meta.url).pathname;
const folder = mkdtempSync(join(tmpdir(), "python-search-"));
const script = join(folder, "script", "main.py");

beforeAll(() => {
  execFileSync("python3", ["-m", "venv", "--without-pip", join(folder, "venv")]);
  write("script/main.py", "import sys; name = sys.argv[1]; module = __import__(name); print(module.__file__)");
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

function write(path: string, text: string): void {
  mkdirSync(join(folder, path, ".."), { recursive: true });
  writeFileSync(join(folder, path), text);
}

function python(program: string, words: readonly string[], path: readonly string[] = []): string {
  const { stdout, stderr } = spawnSync(program, words, {
    encoding: "utf8",
    env: {
      PATH: process.env["PATH"],
      PYTHONPATH: [...path, `${client}search`].join(":"),
      PYTHONDONTWRITEBYTECODE: "1",
    },
  });
  return (stdout + stderr).trim();
}

const ours = `${client}sandboxed/__init__.py`;

describe.each([
  ["the system's interpreter", () => "python3"],
  ["a virtual environment", () => join(folder, "venv/bin/python")],
])("%s", (_, interpreter) => {
  it("finds the client, and its alias is the same module, down to its exceptions", () => {
    expect(python(interpreter(), [script, "sandboxed"])).toBe(ours);
    expect(python(interpreter(), [script, "codex"])).toBe(ours);
    const same = `
from codex.errors import NotGranted
import codex, codex.aio, sandboxed, sandboxed.aio
print(codex is sandboxed, NotGranted is sandboxed.errors.NotGranted, codex.aio is sandboxed.aio)`;
    expect(python(interpreter(), ["-W", "error", "-c", same])).toBe("True True True");
  });

  it("prefers any other module of that name", () => {
    write("installed/codex/__init__.py", "");
    write("installed/sandboxed.py", "");
    for (const [name, file] of [
      ["codex", "codex/__init__.py"],
      ["sandboxed", "sandboxed.py"],
    ] as const) {
      // In front of it, behind it as site-packages are, and beside the script.
      expect(python(interpreter(), [script, name], [join(folder, "installed")])).toBe(join(folder, "installed", file));
      const behind = `import sys; sys.path.append(${JSON.stringify(join(folder, "installed"))}); import ${name}; print(${name}.__file__)`;
      expect(python(interpreter(), ["-c", behind])).toBe(join(folder, "installed", file));
    }
    expect(python(interpreter(), ["-c", "import codex; print(codex.__file__)"], [join(folder, "empty")])).toBe(ours);
  });

  it("is not hidden by a directory that merely has the name", () => {
    write("data/codex/notes.txt", "");
    expect(python(interpreter(), [script, "codex"], [join(folder, "data")])).toBe(ours);
  });

  it("brings nothing else into the search path", () => {
    const names = `import pkgutil; print(sorted(m.name for m in pkgutil.iter_modules([${JSON.stringify(`${client}search`)}])))`;
    expect(python(interpreter(), ["-c", names])).toBe("['_sandboxed_last', 'codex', 'sandboxed']");
  });

  it("says what is missing where nothing was granted", () => {
    const connect = `
import codex
try: codex.connect()
except codex.errors.NoChannel as error: print(error.code, error.hint)`;
    expect(python(interpreter(), ["-c", connect])).toMatch(/^no_channel start it with sandboxed-run --grant/);
  });
});
