import { rmSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { makeBundle } from "./bundle.ts";
import type { Bundle } from "./bundle.ts";

let bundle: Bundle;

beforeAll(async () => {
  bundle = await makeBundle();
});

afterAll(() => bundle.remove());

/** Whatever the entry reaches without an `import()` on the way: that is what a start loads. */
function loadedAtStart({ meta }: Bundle): readonly string[] {
  const { inputs } = meta["sandboxed-run"];
  const seen = new Set<string>();
  const visit = (path: string): void => {
    if (seen.has(path)) return;
    seen.add(path);
    for (const { path: next, kind, external } of inputs[path]?.imports ?? []) {
      if (kind === "dynamic-import") continue;
      if (external === true) seen.add(next);
      else visit(next);
    }
  };
  visit("src/cli/sandboxed-run.ts");
  return [...seen];
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
  ])("is not %s", (name) => {
    const found = loadedAtStart(bundle).filter((path) => path === name || path.includes(`node_modules/${name}/`));
    expect(found).toEqual([]);
  });

  it.each([
    "src/config/schema.ts",
    "src/policy/schema.ts",
    "src/config/wording.ts",
    "src/cli/help.ts",
    "src/cli/command-list.ts",
  ])("is not %s, which is there for when it is needed", (path) => {
    expect(loadedAtStart(bundle)).not.toContain(path);
  });

  it("finds what is loaded, so that the above means something", () => {
    const loaded = loadedAtStart(bundle);
    expect(loaded).toContain("src/config/load.ts");
    expect(loaded.some((path) => path.includes("node_modules/smol-toml/"))).toBe(true);
    expect(Object.keys(bundle.meta["sandboxed-run"].inputs)).toContain("src/config/wording.ts");
  });

  it("stays small", () => {
    const loaded = loadedAtStart(bundle);
    const packages = new Set(loaded.flatMap((path) => /node_modules\/((?:@[^/]+\/)?[^/]+)/.exec(path)?.[1] ?? []));
    expect([...packages]).toEqual(["smol-toml"]);
    expect(loaded.length).toBeLessThan(190);
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
