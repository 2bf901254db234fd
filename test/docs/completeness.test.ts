import { readdirSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import {
  builtinProfile,
  builtinProfileNames,
  formatDuration,
  formatSize,
  protectedNames,
  SandboxedError,
} from "../../src/policy/index.ts";
import type { ErrorCode } from "../../src/policy/index.ts";
import { exitStatus } from "../../src/cli/exit-status.ts";
import { bundleNames } from "../../src/policy/read/network.ts";
import { tokens } from "../../src/policy/model/target.ts";
import { refuse } from "../../src/network/decide/refusal.ts";
import type { DoorReason } from "../../src/network/decide/gate.ts";
import { codeSpans, projectRoot, readProjectFile, sectionOf, tableOf } from "./pages.ts";
import { fieldNames, unionWords } from "./types.ts";

describe("docs/errors.md", () => {
  const rows = tableOf(sectionOf("docs/errors.md", "Codes"), "code");
  const codes = unionWords("src/policy/words/error.ts", "ErrorCode");

  it("has a line for each code and none for another", () => {
    expect(rows.map(([code = ""]) => codeSpans(code)[0])).toEqual(codes);
  });

  it("has no code that nothing says", () => {
    expect(codes.filter((code) => !isSaid(code, ["src/policy/words/error.ts", "src/cli/exit-status.ts"]))).toEqual([]);
  });

  it.each(rows.map(([code = "", ...cells]) => [codeSpans(code)[0] ?? "", cells] as const))(
    "%s: status, meaning and what to do are filled in, and the status is what the tool ends with",
    (code, [status, meaning, advice]) => {
      // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- the test above holds the words to the type
      expect(Number(status)).toBe(exitStatus(new SandboxedError(code as ErrorCode, "")));
      expect(meaning).toMatch(/\w/);
      expect(advice).toMatch(/\w/);
    },
  );
});

describe("the reasons of the door in docs/errors.md", () => {
  const rows = tableOf(sectionOf("docs/errors.md", "Reasons of the door"), "reason");
  const reasons = unionWords("src/network/decide/gate.ts", "DoorReason");

  it("are all there and no other, each said somewhere in the sources", () => {
    expect(rows.map(([reason = ""]) => codeSpans(reason)[0])).toEqual(reasons);
    expect(
      reasons.filter((reason) => !isSaid(reason, ["src/network/decide/gate.ts", "src/network/decide/refusal.ts"])),
    ).toEqual([]);
  });

  it.each(rows)("%s has its status, a meaning and advice", (reason, status, meaning, advice) => {
    // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- the test above holds the words to the type
    const word = codeSpans(reason)[0] as DoorReason;
    expect(Number(status)).toBe(refuse("http", null, word, "").status);
    for (const cell of [meaning, advice]) expect(cell).toMatch(/\w/);
  });
});

it("docs/session.md names each code of the channel's errors and no other, each said somewhere in the sources", () => {
  const codes = unionWords("src/session/error.ts", "SessionErrorCode");
  const named = tableOf(sectionOf("docs/session.md", "Errors"), "code").flatMap(([cell = ""]) => codeSpans(cell));
  expect(named.toSorted()).toEqual(codes.toSorted());
  expect(codes.filter((code) => !isSaid(code, ["src/session/error.ts"]))).toEqual([]);
});

describe("docs/report.md", () => {
  const page = "docs/report.md";
  const outcome = "src/sandbox/outcome.ts";
  const decision = "src/policy/model/decision.ts";
  const queryFields = new Set(
    [...(/type Query =([^;]|;(?! *\n))*;/.exec(readProjectFile(decision))?.[0] ?? "").matchAll(/readonly (\w+):/g)].map(
      (match) => `query.${match[1] ?? ""}`,
    ),
  );
  const sections: readonly (readonly [heading: string, fields: readonly string[]])[] = [
    ["Report", fieldNames(outcome, "RunOutcome")],
    [
      "denials",
      [
        ...fieldNames(decision, "Decision"),
        ...fieldsInside("rule", "src/policy/model/rule.ts", "Rule"),
        ...fieldsInside("provenance", decision, "Provenance"),
        ...fieldsInside("suggestion", decision, "Suggestion"),
        ...fieldNames(decision, "Denial"),
        ...queryFields,
      ],
    ],
    ["repairs", fieldNames(outcome, "Repair")],
    ["handOff", fieldNames(outcome, "HandOff")],
    ["reductions", fieldNames("src/sandbox/plan.ts", "Reduction")],
  ];

  it.each(sections)("%s: names each field and no other", (heading, fields) => {
    const named = tableOf(sectionOf(page, heading), "field").flatMap(([cell = ""]) => codeSpans(cell));
    expect(leaves(named)).toEqual(leaves(fields));
  });

  const words: readonly (readonly [what: string, said: readonly string[], words: readonly string[]])[] = [
    ["reason", firstCells(page, "denials", "`reason`"), unionWords(decision, "ReasonCode")],
    ["limit.name", firstCells(page, "Report", "`limit.name`"), unionWords("src/policy/model/journal.ts", "LimitName")],
    ["query.op", spansBeside(page, "denials", "`query.op`"), queryWords()],
    ["backend", spansBeside(page, "Report", "`backend`"), unionWords("src/sandbox/plan.ts", "Backend")],
    ["where", spansBeside(page, "denials", "`where`"), unionWords(decision, "Where")],
    ["holds", spansBeside(page, "reductions", "`holds`"), ["snapshot", "watched", "no"]],
    ["action", spansBeside(page, "repairs", "`action`"), ["quarantined", "reverted", "rebound"]],
    ["change", spansBeside(page, "handOff", "`change`"), ["made", "changed"]],
  ];

  it.each(words)("%s: names each word and no other", (_, said, known) => {
    expect(said.toSorted()).toEqual(known.toSorted());
  });

  function queryWords(): readonly string[] {
    return [...unionWords(decision, "PathOperation"), "connect", "connect_unix", "bind", "dns", "env"];
  }
});

describe("docs/policy.md", () => {
  const page = "docs/policy.md";
  const text = readProjectFile(page);

  it("names every key of the schema, with docs/mcp.md for servers", () => {
    const words = new Set(`${text} ${readProjectFile("docs/mcp.md")}`.match(/\w+/g));
    expect(schemaKeys().filter((key) => !words.has(key))).toEqual([]);
  });

  it("names the places", () => {
    expect(firstCells(page, "Places", "place")).toEqual(tokens);
  });

  it("names the built-in profiles", () => {
    expect(firstCells(page, "Built-in profiles", "profile")).toEqual(builtinProfileNames);
  });

  it("names the bundles", () => {
    expect(spansBeside(page, "Domains", "`bundles`")).toEqual(bundleNames);
  });

  it("takes names from the list of protected ones", () => {
    expect(protectedNames().tools).toEqual(
      expect.arrayContaining([".vscode", ".idea", ".claude", ".envrc", ".bashrc"]),
    );
  });

  it("says the default limits", () => {
    const limits = builtinProfile(":isolated")?.limits;
    const said = tableOf(sectionOf(page, "Limits"), "key").map(([key = "", value]) => [codeSpans(key)[0], value]);
    expect(said).toEqual([
      ["wall_time", limits?.wallTime === null ? "none" : "?"],
      ["max_pause", formatDuration(limits?.maxPause ?? 0)],
      ["memory", limits?.memory === "auto" ? "75 % of the machine's" : "?"],
      ["data", limits?.data === null ? "none" : "?"],
      ["processes", String(limits?.processes)],
      ["open_files", String(limits?.openFiles)],
      ["tmp_size", formatSize(limits?.tmpSize ?? 0)],
      ["shm_size", formatSize(limits?.shmSize ?? 0)],
      ["home_size", formatSize(limits?.homeSize ?? 0)],
    ]);
  });
});

const sources = readdirSync(join(projectRoot, "src"), { recursive: true, encoding: "utf8" })
  .filter((name) => name.endsWith(".ts"))
  .map((name) => `src/${name}`);

/** Whether some source but these has the word in quotes. */
function isSaid(word: string, but: readonly string[]): boolean {
  return sources.some((path) => !but.includes(path) && readProjectFile(path).includes(`"${word}"`));
}

function fieldsInside(outer: string, file: string, name: string): readonly string[] {
  return fieldNames(file, name).map((field) => `${outer}.${field}`);
}

/** A table inside is named by its fields: `timing.started` instead of `timing`. */
function leaves(names: readonly string[]): readonly string[] {
  const all = [...new Set(names)];
  return all.filter((name) => !all.some((other) => other.startsWith(`${name}.`))).toSorted();
}

function firstCells(page: string, heading: string, first: string): readonly string[] {
  return tableOf(sectionOf(page, heading), first).map(([cell = ""]) => codeSpans(cell)[0] ?? "");
}

/** The code spans in the second cell of the row that begins with `cell`. */
function spansBeside(page: string, heading: string, cell: string): readonly string[] {
  const line = sectionOf(page, heading).find((each) => each.startsWith(`| ${cell} |`) || each.startsWith(`| ${cell},`));
  return codeSpans(line?.split("|")[2] ?? "").filter((span) => span !== "deny");
}

/** Every key that the schema fixes; names that users choose are not among them. */
function schemaKeys(): readonly string[] {
  const found = new Set<string>();
  JSON.parse(readProjectFile("schema/config.schema.json"), (key, value: unknown) => {
    if (key === "properties" && typeof value === "object" && value !== null) {
      for (const name of Object.keys(value)) found.add(name);
    }
    return value;
  });
  return [...found].toSorted();
}
