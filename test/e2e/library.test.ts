import { execFileSync } from "node:child_process";
import { cpSync, mkdirSync, readdirSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { blocksOf, projectRoot } from "../docs/pages.ts";
import { onStage, Stage } from "../stage/index.ts";

/** What docs/library.md shows, by the name behind the fence. */
const shown = new Map(
  blocksOf("docs/library.md").map(({ info, text }) => [info.split(" ")[1] ?? "", `${text}\n`] as const),
);
/** Not on the page: what a host may get wrong, and what comes of it. */
const wrong = new Map([
  ["typo.ts", 'import { policyFrom } from "sandboxed-run";\nawait policyFrom({ extends: ":isolated", netwrk: {} });\n'],
  [
    "fault.ts",
    `import { policyFrom, run, SandboxedError } from "sandboxed-run";
const policy = await policyFrom({ extends: ":isolated" });
const codeOf = (work: Promise<unknown>) =>
  work.then(
    () => null,
    (error: unknown) => (error instanceof SandboxedError ? error.code : String(error)),
  );
// As it comes from somebody's JSON.
const table = { extends: ":isolated", netwrk: {} };
const unknown = await codeOf(policyFrom(table));
const missing = await codeOf(run({ policy, program: "no-such-program" }));
const thrown = await codeOf(
  run({
    policy,
    program: "sleep",
    arguments: ["60"],
    onStart: () => {
      throw new Error("onStart");
    },
  }),
);
const rejected = await codeOf(
  run({
    policy,
    program: "sleep",
    arguments: ["60"],
    onStart: async () => {
      await new Promise((resolve) => setTimeout(resolve, 20));
      throw new Error("later");
    },
  }),
);
const told = await codeOf(
  run({
    policy,
    program: "sleep",
    arguments: ["60"],
    onEvent: () => {
      throw new Error("onEvent");
    },
  }),
);
const events: string[] = [];
const unpiped = { streams: ["ignore", "ignore", "ignore"] as const, onStart: () => void events.push("started") };
const { status } = await run({ policy, program: "true", ...unpiped, onEvent: ({ kind }) => events.push(kind) });
console.log(JSON.stringify({ unknown, missing, thrown, rejected, told, status, events }));
`,
  ],
]);

/** A project of its own with the package as npm packs it, nothing of this checkout and nothing of development beside it. */
let project: Stage;

beforeAll(() => {
  project = new Stage();
  const installed = join(project.folder, "node_modules");
  mkdirSync(installed);
  const tool = join(process.env["SANDBOXED_TEST_TOOL"] ?? "", "node_modules");
  for (const name of readdirSync(tool)) if (!name.startsWith(".")) symlinkSync(join(tool, name), join(installed, name));
  mkdirSync(join(installed, "@types"), { recursive: true });
  symlinkSync(join(projectRoot, "node_modules/@types/node"), join(installed, "@types/node"));
  const packing = ["pack", "--ignore-scripts", "--silent", "--pack-destination", project.folder];
  const tarball = execFileSync("npm", packing, { cwd: projectRoot, encoding: "utf8" }).trim();
  execFileSync("tar", ["-xzf", join(project.folder, tarball), "-C", installed]);
  cpSync(join(installed, "package"), join(installed, "sandboxed-run"), { recursive: true });
  rmSync(join(installed, "package"), { recursive: true });
  execFileSync("chmod", ["-R", "go-w", project.folder]);
  write("package.json", '{ "name": "host", "private": true, "type": "module" }');
  const options = { module: "nodenext", target: "es2023", strict: true, skipLibCheck: false, types: ["node"] };
  write("tsconfig.json", JSON.stringify({ compilerOptions: { ...options, rootDir: ".", outDir: "built" } }));
  for (const [name, text] of [...shown, ...wrong]) if (name.endsWith(".ts")) write(name, text);
});
afterAll(() => project.remove());

function write(name: string, text: string): void {
  writeFileSync(join(project.folder, name), text);
}

/** A host that was built, started in a workspace by somebody. */
function host(
  stage: Stage,
  name: string,
): { readonly status: number | null; readonly stderr: string; readonly lines: readonly string[] } {
  const { status, stdout, stderr } = stage.plain(process.execPath, [join(project.folder, "built", name)]);
  return { status, stderr, lines: stdout.trimEnd().split("\n") };
}

describe("the packed library, in a TypeScript project", () => {
  it("type-checks what the page shows, and finds a key that is none", () => {
    const compiler = join(projectRoot, "node_modules/.bin/tsc");
    const { stdout } = project.plain(process.execPath, [compiler, "-p", project.folder], { timeout: 60_000 });
    expect(stdout.split("\n").filter((line) => line.includes("error"))).toEqual([
      expect.stringMatching(/typo\.ts.*netwrk/),
    ]);
  });

  it("runs the page's host: tools, questions, events, the door, what it was refused", () =>
    onStage("self", (stage) => {
      stage.write("task.py", shown.get("task.py") ?? "");
      expect(host(stage, "host.js")).toEqual({
        status: 0,
        stderr: "",
        lines: [
          expect.stringMatching(/^program: 42/),
          'refused: other.example.com:80 by mode = "restricted"',
          expect.stringContaining("other.example.com"),
          'published: {"files":1}',
        ],
      });
    }));

  it("prepares, equips and starts step by step", () =>
    onStage("self", (stage) => {
      expect(host(stage, "steps.js")).toEqual({
        status: 0,
        stderr: "",
        lines: [expect.stringMatching(/^bwrap.* deny$/), "0"],
      });
    }));

  it("says what a host got wrong, ends the program of one that throws, and starts where nothing is piped", () =>
    onStage("self", (stage) => {
      const { lines } = host(stage, "fault.js");
      expect(JSON.parse(lines[0] ?? "")).toEqual({
        unknown: "config_schema",
        missing: "program_not_found",
        thrown: "Error: onStart",
        rejected: "Error: later",
        told: "Error: onEvent",
        status: 0,
        events: ["started", "run.launching", "run.ended"],
      });
    }));
});
