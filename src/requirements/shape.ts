import { showPath, where } from "../config/index.ts";
import type { Document } from "../config/index.ts";
import { SandboxedError } from "../policy/index.ts";
import { validateRequirements } from "../generated/validate-requirements.ts";

type Path = readonly (string | number)[];

/** Errors: `requirements_schema`, with line, column and nearest spelling. `written`: the way to a key as it was spelt. */
export async function checkShape(document: Document, value: unknown, written: (path: Path) => Path): Promise<void> {
  const fault = validateRequirements(value);
  if (fault === null) return;
  const { wordFault } = await import("../config/wording.ts");
  const { requirementsSchema } = await import("./schema.ts");
  const wording = wordFault(value, requirementsSchema) ?? {
    path: fault,
    message: `${showPath(fault)} has a value of the wrong kind`,
    hint: "correct the value",
  };
  throw new SandboxedError("requirements_schema", where(document, written(wording.path)) + wording.message, {
    hint: wording.hint,
  });
}
