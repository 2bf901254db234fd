import { lstatSync, mkdirSync, writeFileSync } from "node:fs";
import { dirname } from "node:path";
import { findWorkspace, ownEnvironment, projectConfigFile, userConfigFile } from "../../config/index.ts";
import { codeOf, escapeText, SandboxedError } from "../../policy/index.ts";
import type { Command } from "../command.ts";
import { installedSchema } from "../installed.ts";
import { lastValue } from "../parse.ts";
import { homeOf } from "../surroundings.ts";
import { outputOptions } from "../run-options.ts";

export const init: Command = {
  operands: "",
  options: [
    {
      id: "project",
      long: "project",
      short: null,
      argument: null,
      help: "write the project's .sandboxed/config.toml, which can only narrow",
      example: "--project",
    },
    ...outputOptions,
  ],
  examples: ["sandboxed init", "sandboxed init --project"],
  about: ["Without --project it is your own ~/.config/sandboxed/config.toml."],
  run(parsed) {
    const project = lastValue(parsed, "project") !== null;
    const environment = ownEnvironment();
    const home = homeOf(environment);
    const file = project ? projectConfigFile(findWorkspace(process.cwd(), home)) : userConfigFile(environment, home);
    write(file, project);
    return { data: { file, written: true }, text: `wrote ${escapeText(file)}\n`, status: 0 };
  },
};

function write(file: string, project: boolean): void {
  const folder = dirname(file);
  try {
    mkdirSync(folder, { recursive: true, mode: project ? 0o755 : 0o700 });
    // A checkout may bring a link that leads elsewhere.
    if (project && lstatSync(folder).isSymbolicLink()) throw refused(file, "its folder is a symbolic link");
    // Only a file that was not there before, not even as a link.
    writeFileSync(file, project ? projectText() : userText(), { flag: "wx", mode: project ? 0o644 : 0o600 });
  } catch (error) {
    if (error instanceof SandboxedError) throw error;
    const code = codeOf(error) ?? "unknown error";
    throw refused(file, code === "EEXIST" ? "it is there already" : code, error);
  }
}

function refused(file: string, why: string, cause?: unknown): SandboxedError {
  return new SandboxedError("config_permissions", `${escapeText(file)} was not written: ${why}`, {
    hint: "nothing is overwritten; edit the file, or move it away first",
    cause,
  });
}

/** Editors that know TOML check and complete by it. */
function schemaLine(schema: string | null): string {
  return schema === null ? "" : `#:schema ${schema}\n`;
}

/** The same for everybody who has the checkout. */
const packagedSchema = "../node_modules/sandboxed-run/schema/config.schema.json";

function userText(): string {
  return `${schemaLine(installedSchema())}# What programs may do that are started with sandboxed-run. "sandboxed policy show" shows what follows from it,
# "sandboxed policy check" says whether it is right.

default_permissions = "work"

[permissions.work]
# The platform's programs and your tool managers to read, the repository to write, a private home, no network.
extends = ":isolated"

[permissions.work.filesystem]
# The deepest entry wins; at the same depth deny beats read beats write; what nothing grants is denied.
# "~/datasets" = "read"
":workspace_roots" = { "**/.env" = "deny" }

[permissions.work.limits]
# wall_time = "30m"
# memory = "4GiB"
`;
}

function projectText(): string {
  return `${schemaLine(packagedSchema)}# What programs started in this project must not do, whatever their user allows. This file can only narrow: it takes
# away what it says, and nothing else as long as the profile does not extend another.

default_permissions = "project"

[permissions.project.filesystem]
":workspace_roots" = { "**/.env" = "deny" }
`;
}
