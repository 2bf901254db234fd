import { writeFile } from "node:fs/promises";
import { jsonSchema, schemaText, validatorText } from "./30-validator.mjs";

export const requirements = {
  folder: "src/requirements/",
  schema: "requirementsSchema",
  title: "sandboxed-run requirements",
  validator: "validateRequirements",
  what: "requirements",
};

/** src/requirements/schema.ts -> schema/requirements.schema.json and src/generated/validate-requirements.ts, as for config. */
export async function generate(root) {
  const schema = await jsonSchema(root, requirements);
  await writeFile(new URL("schema/requirements.schema.json", root), schemaText(schema, requirements));
  await writeFile(new URL("src/generated/validate-requirements.ts", root), validatorText(schema, requirements));
}
