import { readFileSync } from "node:fs";
import { resolve } from "node:path";
import { parseDocument } from "../../config/index.ts";
import type { PolicyTest } from "../../config/index.ts";
import { codeOf, escapeText, SandboxedError } from "../../policy/index.ts";
import { prepareToAsk } from "../ask.ts";
import type { Command } from "../command.ts";
import { askedFor } from "../policy-flags.ts";
import { mismatchText, runTests } from "../../gate/index.ts";
import { outputOptions, policyOptions } from "../run-options.ts";

export const policyTest: Command = {
  operands: "[FILE]",
  options: [...policyOptions, ...outputOptions],
  examples: [
    "sandboxed policy test",
    "sandboxed policy test policy-test.toml",
    "sandboxed policy test policy-test.toml -P ci",
  ],
  about: [
    "Without FILE the [[test]] tables of the configuration are asked. FILE is TOML that holds such tables, or one table",
    "of questions as explain takes them, each with allow or deny:",
    "",
    "  [[test]]",
    '  query = "read ~/.ssh/id_ed25519"',
    '  expect = "deny"',
    '  because = "keys stay out of builds"',
    "",
    "  [expect]",
    '  "write src/main.py" = "allow"',
  ],
  async run(parsed) {
    const [file, extra] = parsed.rest;
    if (extra !== undefined) {
      throw new SandboxedError("usage", "one file at a time", { hint: "write sandboxed policy test FILE" });
    }
    const asked = await askedFor(parsed);
    const tests =
      file === undefined ? [...asked.config.tests, ...asked.config.requirements.tests] : readTests(file, asked.cwd);
    const results = runTests(tests, prepareToAsk(asked).oracle, asked);
    const wrong = results.filter(({ ok }) => !ok);
    const text = `${wrong.map(mismatchText).join("")}${results.length - wrong.length} of ${results.length} as expected\n`;
    return { data: { ok: wrong.length === 0, results }, text, status: wrong.length === 0 ? 0 : 1 };
  },
};

function readTests(file: string, cwd: string): readonly PolicyTest[] {
  const document = parseDocument(readText(resolve(cwd, file), file), file, "file", "you");
  const at = (path: readonly (string | number)[]): string => `${document.name}:${document.position(path)?.line ?? 1}`;
  const { expect, test, ...others } = { expect: {}, test: [], ...document.value };
  const [other] = Object.keys(others);
  if (other !== undefined) throw invalid(`${at([other])}: unknown key ${escapeText(other)}`);
  if (!isTable(expect)) throw invalid(`${at(["expect"])}: expect has to be a table`);
  if (!Array.isArray(test)) throw invalid(`${at(["test"])}: test has to be written as [[test]]`);
  const read = (path: readonly (string | number)[], query: unknown, answer: unknown, because: unknown): PolicyTest => {
    if (typeof query !== "string") throw invalid(`${at(path)}: the query is missing`);
    if (answer !== "allow" && answer !== "deny") {
      throw invalid(`${at(path)}: the answer has to be "allow" or "deny"`);
    }
    const reason = typeof because === "string" ? because : null;
    return { query, expect: answer, because: reason, provenance: document.provenance(path) };
  };
  const tests: readonly unknown[] = test;
  const found = [
    ...Object.entries(expect).map(([query, answer]) => read(["expect", query], query, answer, null)),
    ...tests.map((one, index) => {
      const { query, expect: answer, because, ...more } = isTable(one) ? { ...emptyTest, ...one } : emptyTest;
      const [unknownKey] = Object.keys(more);
      if (unknownKey !== undefined) {
        throw invalid(`${at(["test", index, unknownKey])}: unknown key ${escapeText(unknownKey)}`);
      }
      return read(["test", index], query, answer, because);
    }),
  ];
  if (found.length === 0) throw invalid(`${at([])}: the table [expect] is missing, and so are tables [[test]]`);
  return found;
}

const emptyTest: { readonly query: unknown; readonly expect: unknown; readonly because: unknown } = {
  query: null,
  expect: null,
  because: null,
};

function isTable(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function readText(path: string, written: string): string {
  try {
    return readFileSync(path, "utf8");
  } catch (error) {
    const code = codeOf(error) ?? "unknown error";
    throw new SandboxedError("usage", `${escapeText(written)} cannot be read (${code})`, {
      hint: "check the path",
      cause: error,
    });
  }
}

function invalid(message: string): SandboxedError {
  return new SandboxedError("config_schema", message, { hint: "sandboxed policy test --help shows the form" });
}
