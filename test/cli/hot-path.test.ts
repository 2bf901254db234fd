import { readFileSync, rmSync } from "node:fs";
import { join, relative } from "node:path";
import type { Metafile } from "esbuild";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { makeBundle } from "./bundle.ts";
import type { Bundle } from "./bundle.ts";

let bundle: Bundle;

beforeAll(async () => {
  bundle = await makeBundle();
});

afterAll(() => bundle.remove());

/** What became part of the files that a start reads, and what these require in their turn without being asked. */
function loadedAtStart(of: Bundle): readonly string[] {
  return ["sandboxed-run.cjs", "run.cjs"].flatMap((name) => {
    const output = outputOf(of, name);
    const inside = Object.entries(output.inputs).flatMap(([path, { bytesInOutput }]) =>
      bytesInOutput > 0 ? [path] : [],
    );
    // Files beside it are read when they are called for; modules of Node's at once.
    return [...inside, ...output.imports.flatMap(({ path }) => (path.startsWith("./") ? [] : [path]))];
  });
}

function outputOf({ meta, folder }: Bundle, name: string): Metafile["outputs"][string] {
  const output = meta.outputs[relative(process.cwd(), join(folder, name))];
  if (output === undefined) throw new Error(`${name} was not made`);
  return output;
}

describe("what a start of sandboxed-run loads", () => {
  it.each([
    "zod",
    "citty",
    "execa",
    "chokidar",
    "hono",
    "ws",
    "node:http",
    "node:https",
    "node:http2",
    "node:tls",
    "node:net",
    "node:module",
    "node:stream",
    "node:child_process",
  ])("is not %s", (name) => {
    const found = loadedAtStart(bundle).filter((path) => path === name || path.includes(`node_modules/${name}/`));
    expect(found).toEqual([]);
  });

  it.each([
    "src/config/schema.ts",
    "src/policy/read/schema.ts",
    "src/config/wording.ts",
    "src/cli/help.ts",
    "src/cli/decide.ts",
    "src/reload/reload.ts",
    "src/config/load.ts",
    "src/network/index.ts",
    "src/sandbox/linux/run/prepare.ts",
    "src/sandbox/refusals/find.ts",
    "src/cli/command-list.ts",
  ])("is not %s, which is there for when it is needed", (path) => {
    expect(loadedAtStart(bundle)).not.toContain(path);
  });

  it("is not a global that loads modules when it is touched", () => {
    const text = readFileSync(join(bundle.folder, "run.cjs"), "utf8");
    expect(text).toMatch(/\bprocess\.hrtime\b/);
    expect(text).not.toMatch(/\b(performance|crypto|fetch)\./);
  });

  it("is followed by files that are there", () => {
    const late = outputOf(bundle, "run.cjs").imports.filter(({ path }) => !path.startsWith("node:"));
    expect(late.map(({ path }) => path)).toContain("./decide.cjs");
    for (const { path } of late) expect(readFileSync(join(bundle.folder, path), "utf8")).not.toBe("");
  });

  it("finds what is loaded, so that the above means something", () => {
    const loaded = loadedAtStart(bundle);
    expect(loaded).toContain("src/sandbox/linux/recall/index.ts");
    expect(loaded).toContain("node:fs");
    expect(Object.keys(bundle.meta.inputs)).toContain("src/config/wording.ts");
    expect(Object.keys(bundle.meta.inputs).some((path) => path.includes("node_modules/smol-toml/"))).toBe(true);
  });

  it("stays small", () => {
    const loaded = loadedAtStart(bundle);
    expect(loaded.filter((path) => path.includes("node_modules/"))).toEqual([]);
    // Unminified. Every 100 KB cost a start some three milliseconds.
    expect(outputOf(bundle, "run.cjs").bytes).toBeLessThan(235_000);
  });

  it("runs where zod is not installed, as long as there is no error to word", () => {
    rmSync(join(bundle.folder, "node_modules"));
    const { status, stderr } = bundle.call("sandboxed-run", [
      "-c",
      "permissions.a.extends=:isolated",
      "-P",
      "a",
      "true",
    ]);
    expect(stderr).toContain("native programs are missing");
    expect(status).toBe(125);
    expect(bundle.call("sandboxed-run", ["--version"]).stdout).toMatch(/^sandboxed-run \d/);
  });
});
