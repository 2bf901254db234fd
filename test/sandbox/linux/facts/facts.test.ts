import { mkdirSync, mkdtempSync, realpathSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { absolutePath, SandboxedError } from "../../../../src/policy/index.ts";
import { readFacts } from "../../../../src/sandbox/linux/facts/index.ts";

const root = realpathSync(mkdtempSync(`${tmpdir()}/facts-`));
beforeAll(() => {
  mkdirSync(`${root}/home/.pyenv/versions/3.9/bin`, { recursive: true });
  mkdirSync(`${root}/home/.pyenv/libexec`);
  mkdirSync(`${root}/home/.pyenv/shims`);
  writeFileSync(`${root}/home/.pyenv/libexec/pyenv`, "");
  writeFileSync(`${root}/home/.pyenv/version`, "3.9");
  mkdirSync(`${root}/work/sub`, { recursive: true });
  mkdirSync(`${root}/work/.git/objects`, { recursive: true });
  writeFileSync(`${root}/work/.git/HEAD`, "ref: refs/heads/main\n");
  writeFileSync(`${root}/work/script`, "#!/bin/sh\n", { mode: 0o755 });
  symlinkSync("work/sub", `${root}/link`);
  mkdirSync(`${root}/home/.ssh`);
});
afterAll(() => rmSync(root, { recursive: true, force: true }));

function read(cwd: string, variables: Record<string, string> = {}) {
  const environment = new Map(
    Object.entries({ HOME: `${root}/home`, PATH: `${root}/home/.pyenv/shims:/usr/bin`, ...variables }),
  );
  return readFacts({ cwd, environment, workspace: "repo", cache: null, init: null });
}

/** The code of the refusal, null when there is none. */
function refusal(act: () => unknown): string | null {
  try {
    act();
    return null;
  } catch (error) {
    return error instanceof SandboxedError ? error.code : "another error";
  }
}

describe("facts", () => {
  it("are canonical, whole, and the same twice", () => {
    const { facts, workspace } = read(`${root}/link`, { TMPDIR: root });
    expect(facts.cwd).toBe(`${root}/work/sub`);
    expect(facts.account.home).toBe(`${root}/home`);
    expect(facts.tmpdir).toBe(root);
    expect(facts.toolchains.map(({ path }) => path)).toEqual([[`${root}/home/.pyenv/versions/3.9/bin`]]);
    expect(facts.memoryBytes).toBeGreaterThan(1e6);
    expect(workspace).toEqual({ path: `${root}/work`, unsafe: null });
    expect(JSON.stringify(read(`${root}/link`, { TMPDIR: root }))).toBe(JSON.stringify({ facts, workspace }));
  });

  it("say what programs are", () => {
    const { facts } = read(root);
    const kinds = ["work/script", "work/.git/HEAD", "work", "none"].map((name) =>
      facts.program(absolutePath(`${root}/${name}`)),
    );
    expect(kinds).toEqual(["executable", "file", "directory", "missing"]);
  });

  it.each(["home", "home/.ssh", "home/.pyenv/versions/3.9"])("%s does not become a workspace", (name) => {
    expect(read(`${root}/${name}`).workspace.unsafe).toEqual(expect.any(String));
  });

  it.each(["none", "work/script"])("refuse %s as a working directory", (name) => {
    expect(refusal(() => read(`${root}/${name}`))).toBe("setup_failed");
  });

  it("take no temporary directory that is none", () => {
    expect(read(root, { TMPDIR: `${root}/none` }).facts.tmpdir).toBeNull();
    expect(read(root, { TMPDIR: "." }).facts.tmpdir).toBeNull();
  });
});
