import { resolve } from "node:path";
import { ownEnvironment } from "../../config/index.ts";
import { escapeText, provenanceText } from "../../policy/index.ts";
import { loadRequirements } from "../../requirements/index.ts";
import type { Field, Requirements } from "../../requirements/index.ts";
import type { Command } from "../command.ts";
import { lastValue } from "../parse.ts";
import { homeOf } from "../surroundings.ts";
import { outputOptions } from "../run-options.ts";

export const requirementsShow: Command = {
  operands: "",
  options: [
    {
      id: "requirements",
      long: "requirements",
      short: null,
      argument: "FILE",
      help: "requirements besides those of this machine; they can only narrow",
      example: "--requirements ci-requirements.toml",
      completes: "file",
    },
    ...outputOptions,
  ],
  examples: ["sandboxed requirements show", "sandboxed requirements show --json"],
  about: ["What holds on this machine for you now, and who says so."],
  async run(parsed) {
    const environment = ownEnvironment();
    const file = lastValue(parsed, "requirements");
    const requirements = await loadRequirements({
      environment,
      home: homeOf(environment),
      file: file === null ? null : resolve(file),
    });
    const { fieldsOf } = await import("../../requirements/fields.ts");
    const fields = fieldsOf(requirements);
    const { sources, supportContact, validUntil, exceptions, warnings } = requirements;
    const until = validUntil === null ? null : new Date(validUntil).toISOString();
    const data = { sources, supportContact, validUntil: until, fields, exceptions, warnings };
    const text =
      sources.length === 0
        ? "no requirements on this machine\n"
        : `${textOf(requirements, fields, until).join("\n")}\n`;
    return { data, text, status: 0 };
  },
};

function textOf(
  { sources, exceptions, warnings }: Requirements,
  fields: readonly Field[],
  until: string | null,
): readonly string[] {
  return [
    ...sources.map(({ kind, name, owner }) => `source    ${escapeText(name)} (${kind}, ${escapeText(owner)})`),
    ...(until === null ? [] : [`until     ${until}, then they are read anew`]),
    ...warnings.map((warning) => `warning   ${escapeText(warning)}`),
    ...exceptions.map(
      ({ id, approver, expires, reason }) =>
        `exception ${escapeText(`${id}, by ${approver} until ${expires}: ${reason}`)}`,
    ),
    "",
    ...fields.flatMap(({ key, value, from, conflict, isIdle }) => [
      `${key} = ${escapeText(JSON.stringify(value))}`,
      ...from.map((place) => `  ${provenanceText(place)}`),
      ...(isIdle ? ["  nothing in this version acts on it"] : []),
      ...(isIdle || conflict === "none" ? [] : [`  beyond it: ${conflict}`]),
    ]),
  ];
}
