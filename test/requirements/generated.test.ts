import { readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { jsonSchema, schemaText, validatorText } from "../../scripts/generate/30-validator.mjs";
import { keysOf, requirements, withTable } from "../../scripts/generate/35-requirements.mjs";
import { keyNames } from "../../src/requirements/keys.ts";
import { codeSpans, readProjectFile, tableOf, sectionOf } from "../docs/pages.ts";

const root = new URL("../../", import.meta.url);

describe("what is made from the table of keys", () => {
  it("is up to date: schema, validator and docs", async () => {
    const schema = await jsonSchema(root, requirements);
    const read = (path: string): string => readFileSync(new URL(path, root), "utf8");
    expect(read("schema/requirements.schema.json")).toBe(schemaText(schema, requirements));
    expect(read("src/generated/validate-requirements.ts")).toBe(validatorText(schema, requirements));
    const page = readProjectFile("docs/requirements.md");
    expect(withTable(page, await keysOf(root))).toBe(page);
  });

  it("has a line for each key in the docs", () => {
    const rows = tableOf(sectionOf("docs/requirements.md", "All keys"), "key");
    expect(rows.map(([key = ""]) => codeSpans(key)[0])).toEqual(keyNames);
  });
});
