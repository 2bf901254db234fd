import { array, constantFrom, sample, tuple } from "fast-check";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import type { Access, Query } from "../../src/policy/index.ts";
import { builtinProfile, entryFrom } from "../../src/policy/index.ts";
import type { Policy, Provenance } from "../../src/policy/index.ts";
import { prepare } from "../../src/sandbox/index.ts";
import type { RunRequest } from "../../src/sandbox/index.ts";
import { onStage, people } from "../stage/index.ts";
import type { Person, Stage } from "../stage/index.ts";
import { unbound } from "../stage/unbound.ts";

const prober = readFileSync(new URL("prober.py", import.meta.url), "utf8");

/** A small tree where every kind of step can happen: folders three deep, files in each. */
const folders = ["a", "a/b", "a/b/c", "a/d", "e", "e/f", "g"];
const files = folders.flatMap((folder) => [`${folder}/one`, `${folder}/two`]);
const made = folders.map((folder) => `${folder}/new`);

const questions = ["read", "list", "write", "create", "move"] as const;

/** Decisions to compare, over all people; and so many random policies of each. */
const enough = 2_000;
const policiesEach = Math.ceil(enough / people.length / questions.reduce((sum, op) => sum + paths(op).length, 0));

const access = constantFrom<Access>("deny", "read", "write");
const target = constantFrom(...folders, ...files);
const randomEntries = array(tuple(target, access), { minLength: 1, maxLength: 7 });
/** None that a name made in the run could match: a mount knows only what stands there when it is made. */
const pattern = constantFrom("**/one", "**/b", "*/f", "a/*/two", "**/[de]", "a/**/[bc]");
const randomPatterns = tuple(
  randomEntries,
  array(tuple(pattern, constantFrom<Access>("deny")), { minLength: 1, maxLength: 2 }),
);

const provenance: Provenance = { layer: "flag", file: null, line: null, column: null, owner: "you" };

describe.each(people)("as %s", (person: Person) => {
  it("the kernel does what the oracle says", { timeout: 120_000 }, () =>
    onStage(person, (stage) => {
      for (const file of files) stage.write(join(stage.outside, "tree", file), "x");
      let decisions = 0;
      const plain = sample(randomEntries, { numRuns: policiesEach, seed: 20_26 });
      const withPatterns = sample(randomPatterns, { numRuns: policiesEach, seed: 20_26 }).map((both) => both.flat());
      for (const entries of [...plain, ...withPatterns]) decisions += compare(stage, entries);
      expect(decisions).toBeGreaterThanOrEqual(enough / people.length);
    }),
  );

  it("the kernel does what the oracle says of what is named inside of a wider grant", () =>
    onStage(person, (stage) => {
      for (const file of files) stage.write(join(stage.outside, "tree", file), "x");
      const root = join(stage.outside, "tree");
      const queries = ["a", "a/b", "a/d", "e"].map((path): Query => ({ op: "move", path: join(root, path) }));
      const entries = [
        ["a", "write"],
        ["a/b", "write"],
        ["e", "read"],
        ["e/f", "read"],
      ] as const;
      expect(ask(stage, root, entries, queries)).toEqual([false, false, true, false]);
    }));

  it("the kernel does what the oracle says of a file named in a directory that a pattern denies", () =>
    onStage(person, (stage) => {
      for (const file of files) stage.write(join(stage.outside, "tree", file), "x");
      const root = join(stage.outside, "tree");
      const queries: readonly Query[] = [
        { op: "list", path: join(root, "a/b") },
        { op: "write", path: join(root, "a/b/one") },
        { op: "read", path: join(root, "a/b/two") },
        { op: "move", path: join(root, "a/d") },
        { op: "move", path: join(root, "e") },
      ];
      const entries = [
        ["a", "write"],
        ["**/b", "deny"],
        ["a/d/o*", "deny"],
        ["a/b/one", "write"],
        ["e", "write"],
      ] as const;
      expect(ask(stage, root, entries, queries)).toEqual([true, true, false, false, false]);
    }));

  it("the kernel does what the oracle says of a workspace inside of a root", () =>
    onStage(person, (stage) => {
      const settings = join(stage.workspace, ".claude", "settings.json");
      stage.write(settings, "{}");
      const queries: readonly Query[] = [
        { op: "write", path: join(stage.workspace, "README.md") },
        { op: "write", path: settings },
        { op: "move", path: join(stage.workspace, ".claude") },
        { op: "move", path: stage.workspace },
        { op: "move", path: join(stage.workspace, "..") },
      ];
      expect(ask(stage, stage.folder, [["home", "write"]], queries)).toEqual([true, false, false, false, false]);
    }));
});

function compare(stage: Stage, entries: readonly (readonly [string, Access])[]): number {
  const root = join(stage.outside, "tree");
  const queries: Query[] = questions.flatMap((op) => paths(op).map((path): Query => ({ op, path: join(root, path) })));
  return ask(stage, root, entries, queries).length;
}

/** Returns what the oracle and the kernel both say. */
function ask(
  stage: Stage,
  root: string,
  entries: readonly (readonly [string, Access])[],
  queries: readonly Query[],
): readonly boolean[] {
  const words = entries.flatMap(([path, how]) => [`--${how}`, join(root, path)]);
  const { oracle } = prepare(request(stage, root, entries));
  const input = queries.map((query) => `${query.op}\t${"path" in query ? query.path : ""}`).join("\n");
  const { stdout, stderr, status } = stage.python(prober, words, { input });
  expect(status, stderr).toBe(0);
  const answers = stdout.trim().split("\n");
  expect(answers.length).toBe(queries.length);
  return queries.map((query, index) => {
    const decision = oracle.decide(query);
    const said = decision.effect === "allow" ? "1" : "0";
    expect(
      `${said} ${query.op} ${"path" in query ? query.path : ""}`,
      `${words.join(" ")}: ${decision.reason}; errno ${answers[index]}`,
    ).toBe(`${(answers[index] ?? "").slice(0, 1)} ${query.op} ${"path" in query ? query.path : ""}`);
    return decision.effect === "allow";
  });
}

/** Reading and writing are asked of files, listing of folders, making of new names, moving of both kinds. */
function paths(op: "read" | "list" | "write" | "create" | "move"): readonly string[] {
  if (op === "write" || op === "read") return files;
  if (op === "list") return folders;
  return op === "create" ? made : [...folders, ...files];
}

function request(stage: Stage, root: string, entries: readonly (readonly [string, Access])[]): RunRequest {
  const base = builtinProfile(":isolated");
  if (base === null) throw new Error("no :isolated");
  const added = entries.map(([path, how]) => entryFrom(join(root, path), how, provenance, `--${how} ${path}`));
  const policy: Policy = {
    layers: [
      {
        layer: "flag",
        profile: { ...base, filesystem: { ...base.filesystem, entries: [...base.filesystem.entries, ...added] } },
      },
    ],
  };
  return {
    policy: unbound(policy),
    program: "true",
    arguments: [],
    script: null,
    cwd: stage.workspace,
    environment: new Map(
      Object.entries({ ...stage.environment(), XDG_CACHE_HOME: `${stage.folder}/cache` }).flatMap(([name, value]) =>
        value === undefined ? [] : [[name, value] as const],
      ),
    ),
    workspaceRoots: null,
    workspace: "repo",
    backend: null,
    terminal: "never",
    streams: ["ignore", "ignore", "ignore"],
    session: { id: "conformance", openJournal: () => ({ append: () => {}, close: () => {} }) },
    explain: false,
    attended: false,
  };
}
