import { escapeText } from "../../policy/index.ts";
import type { Json } from "../json.ts";
import { faultsOf } from "./form.ts";
import type { Form } from "./form.ts";
import type { Desk } from "./terminal.ts";

type Entered = { readonly given: true; readonly value: Json } | { readonly given: false };

/** Asks for one field until it fits; null when there is nobody any more. An empty line takes the default, or skips. */
export async function readField(
  desk: Desk,
  name: string,
  field: Form,
  isRequired: boolean,
  signal: AbortSignal,
): Promise<Entered | null> {
  const label = escapeText(field.title ?? name);
  if (field.description !== null) desk.write(`  ${desk.paint("dim", escapeText(field.description))}\n`);
  for (;;) {
    desk.write(`  ${desk.paint("bold", label)} ${expected(field, isRequired)}: `);
    // oxlint-disable-next-line no-await-in-loop -- a person tries again
    const line = await desk.readLine(signal);
    if (line === null) return null;
    if (line === "" && field.default !== undefined) return { given: true, value: field.default };
    if (line === "" && !isRequired) return { given: false };
    const value = meant(field, line);
    const alone: Form = { ...whole, fields: new Map([[name, field]]) };
    const faults = value === undefined ? [`${escapeText(name)} is not JSON`] : faultsOf(alone, { [name]: value });
    if (value !== undefined && faults.length === 0) return { given: true, value };
    desk.write(`  ${desk.paint("red", faults.join("; "))}\n`);
  }
}

const whole: Form = {
  type: "object",
  title: null,
  description: null,
  choices: null,
  default: undefined,
  least: null,
  most: null,
  entries: null,
  fields: new Map(),
  required: new Set(),
  isOpen: false,
};

function expected({ type, choices, default: usual }: Form, isRequired: boolean): string {
  const what =
    choices === null
      ? type === "array" || type === "object" || type === null
        ? "as JSON"
        : type === "boolean"
          ? "true or false"
          : type
      : choices.map((choice) => (typeof choice === "string" ? choice : JSON.stringify(choice))).join(" | ");
  const empty = usual !== undefined ? `, empty: ${JSON.stringify(usual)}` : isRequired ? "" : ", may be empty";
  return escapeText(`(${what}${empty})`);
}

/** What was typed, as the field wants it: text as it is, the rest as JSON. Undefined where it is none. */
function meant({ type, choices }: Form, line: string): Json | undefined {
  if (type === "string" || choices?.some((choice) => choice === line) === true) return line;
  if (type === "boolean" && /^(y|yes)$/i.test(line)) return true;
  if (type === "boolean" && /^(n|no)$/i.test(line)) return false;
  try {
    const value: Json = JSON.parse(line);
    return value;
  } catch {
    return undefined;
  }
}
