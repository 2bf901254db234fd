import { mkdir, writeFile } from "node:fs/promises";
import { fileURLToPath } from "node:url";
import { build } from "esbuild";

/** What is generated for a configuration file; requirements have the like. */
const config = {
  folder: "src/config/",
  schema: "configSchema",
  title: "sandboxed-run configuration",
  validator: "validateConfig",
  what: "a configuration",
};

/**
 * src/config/schema.ts -> schema/config.schema.json (JSON Schema draft-07, for editors) and
 * src/generated/validate-config.ts (the same checks as plain code, for a start without zod), and the schema as text.
 */
export async function generate(root) {
  const schema = await jsonSchema(root);
  await mkdir(new URL("schema/", root), { recursive: true });
  await mkdir(new URL("src/generated/", root), { recursive: true });
  await writeFile(new URL("schema/config.schema.json", root), schemaText(schema));
  await writeFile(new URL("src/generated/validate-config.ts", root), validatorText(schema));
  const text = `// Made by scripts/generate; do not edit.\n\nexport const configSchemaText = ${JSON.stringify(schemaText(schema))};\n`;
  await writeFile(new URL("src/generated/config-schema.ts", root), text);
}

export function schemaText(schema, { title } = config) {
  const { $schema, ...rest } = schema;
  return `${JSON.stringify({ $schema, title, ...rest }, null, 2)}\n`;
}

/** The schema is TypeScript, which Node 20 cannot import: bundled, with zod, into one module held in memory. */
export async function jsonSchema(root, { folder, schema } = config) {
  const entry = `
    import { z } from "zod";
    import { ${schema} } from "./schema.ts";
    export default z.toJSONSchema(${schema}, { target: "draft-7", io: "input" });
  `;
  const { outputFiles } = await build({
    stdin: { contents: entry, resolveDir: fileURLToPath(new URL(folder, root)), loader: "ts" },
    bundle: true,
    format: "esm",
    write: false,
    logLevel: "warning",
  });
  const code = Buffer.from(outputFiles[0].contents).toString("base64");
  return (await import(`data:text/javascript;base64,${code}`)).default;
}

const known = new Set(
  ["$schema", "description", "title", "type", "enum", "const", "anyOf", "oneOf", "properties", "required"].concat(
    "additionalProperties",
    "propertyNames",
    "items",
  ),
);

export function validatorText(schema, { folder, validator, what } = config) {
  const functions = [];
  const names = new Map();

  /** The name of the function that checks a schema; equal schemas share one. */
  function compile(node) {
    for (const keyword of Object.keys(node)) if (!known.has(keyword)) throw new Error(`no code for ${keyword}`);
    const { description, title, $schema, ...checked } = node;
    const key = JSON.stringify(checked);
    if (!names.has(key)) {
      const body = bodyOf(checked);
      const name = `check${names.size + 1}`;
      names.set(key, name);
      functions.push(`function ${name}(value: unknown): KeyPath | null {\n${body}\n}\n`);
    }
    return names.get(key);
  }

  function bodyOf(node) {
    const union = node.anyOf ?? node.oneOf;
    if (union !== undefined) {
      const tries = union.map((member) => `${compile(member)}(value) === null`).join(" || ");
      return `  return ${tries} ? null : here;`;
    }
    if (node.const !== undefined) return `  return value === ${JSON.stringify(node.const)} ? null : here;`;
    if (node.enum !== undefined) {
      return `  return ${node.enum.map((member) => `value === ${JSON.stringify(member)}`).join(" || ")} ? null : here;`;
    }
    if (Array.isArray(node.type)) return bodyOf({ anyOf: node.type.map((type) => ({ type })) });
    if (node.type === "object") return objectBody(node);
    if (node.type === "array") return arrayBody(node);
    if (node.type === "number") return "  return Number.isFinite(value) ? null : here;";
    if (node.type === "string" || node.type === "boolean")
      return `  return typeof value === "${node.type}" ? null : here;`;
    throw new Error(`no code for ${JSON.stringify(node)}`);
  }

  function objectBody(node) {
    const required = new Set(node.required ?? []);
    const cases = Object.entries(node.properties ?? {}).map(([key, member]) => {
      const check = `${compile(member)}(value[key])`;
      const absent = required.has(key) ? "" : "value[key] === undefined ? null : ";
      return `      case ${JSON.stringify(key)}:\n        fault = ${absent}${check};\n        break;\n`;
    });
    const others = node.additionalProperties;
    if (node.propertyNames !== undefined && JSON.stringify(node.propertyNames) !== '{"type":"string"}') {
      throw new Error("no code for rules on key names");
    }
    const fallback = others === false ? "return [key];" : `fault = ${compile(others)}(value[key]);`;
    const missing = [...required].map((key) => `  if (!Object.hasOwn(value, ${JSON.stringify(key)})) return here;\n`);
    const start = `  if (!isTable(value)) return here;\n${missing.join("")}  for (const key of Object.keys(value)) {\n`;
    const end = "    if (fault !== null) return [key, ...fault];\n  }\n  return null;";
    if (cases.length === 0 && others !== false) {
      return `${start}    const fault = ${compile(others)}(value[key]);\n${end}`;
    }
    return `${start}    let fault: KeyPath | null;
    switch (key) {
${cases.join("")}      default:
        ${fallback}
    }
${end}`;
  }

  function arrayBody(node) {
    return `  if (!Array.isArray(value)) return here;
  for (const [index, member] of value.entries()) {
    const fault = ${compile(node.items)}(member);
    if (fault !== null) return [String(index), ...fault];
  }
  return null;`;
  }

  const whole = compile(schema);
  return `// Made by scripts/generate from ${folder}schema.ts; do not edit.

/** From the root to the first value that is wrong, array elements by index. */
export type KeyPath = readonly string[];

const here: KeyPath = [];

function isTable(value: unknown): value is Readonly<Record<string, unknown>> {
  if (typeof value !== "object" || value === null) return false;
  const prototype: unknown = Object.getPrototypeOf(value);
  return prototype === null || prototype === Object.prototype;
}

${functions.join("\n")}
/** Null when \`value\` has the shape of ${what}. */
export function ${validator}(value: unknown): KeyPath | null {
  return ${whole}(value);
}
`;
}
