import { readFile, writeFile } from "node:fs/promises";
import { fileURLToPath } from "node:url";
import { build } from "esbuild";
import { jsonSchema, schemaText, validatorText } from "./30-validator.mjs";

export const requirements = {
  folder: "src/requirements/",
  schema: "requirementsSchema",
  title: "sandboxed-run requirements",
  validator: "validateRequirements",
  what: "requirements",
};

const page = "docs/requirements.md";

/**
 * src/requirements/schema.ts -> schema/requirements.schema.json and src/generated/validate-requirements.ts, as for
 * config; src/requirements/keys.ts and idle.ts -> the table of keys in docs/requirements.md.
 */
export async function generate(root) {
  const schema = await jsonSchema(root, requirements);
  await writeFile(new URL("schema/requirements.schema.json", root), schemaText(schema, requirements));
  await writeFile(new URL("src/generated/validate-requirements.ts", root), validatorText(schema, requirements));
  const text = await readFile(new URL(page, root), "utf8");
  await writeFile(new URL(page, root), withTable(text, await keysOf(root)));
}

/** The page with the table between its two marks made anew. */
export function withTable(text, keys) {
  const rows = Object.entries(keys).map(
    ([key, { combine, by, conflict, says, isIdle }]) =>
      `| \`${key}\` | ${says.replaceAll("|", "\\|")}${isIdle ? " Not acted on yet." : ""} | ${combine} | ${by} | ${conflict} |\n`,
  );
  const table = `| key | what it says | combined | who may say it | beyond it |\n|---|---|---|---|---|\n${rows.join("")}`;
  return text.replace(/(<!-- keys -->\n)[^]*?(<!-- end of keys -->)/, (_, start, end) => `${start}\n${table}\n${end}`);
}

/** The table is TypeScript, which Node 20 cannot import. */
export async function keysOf(root) {
  const { outputFiles } = await build({
    stdin: {
      contents: 'export { keys } from "./keys.ts"; export { idleKeys } from "./idle.ts";',
      resolveDir: fileURLToPath(new URL("src/requirements/", root)),
    },
    bundle: true,
    format: "esm",
    write: false,
    logLevel: "warning",
  });
  const code = Buffer.from(outputFiles[0].contents).toString("base64");
  const { keys, idleKeys } = await import(`data:text/javascript;base64,${code}`);
  return Object.fromEntries(Object.entries(keys).map(([key, row]) => [key, { ...row, isIdle: idleKeys.has(key) }]));
}
