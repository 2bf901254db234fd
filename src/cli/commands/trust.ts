import { resolve } from "node:path";
import {
  checkConfigFile,
  findWorkspace,
  ownEnvironment,
  projectConfigFile,
  readClosure,
  revokeTrust,
  trustedProjects,
  trustProject,
} from "../../config/index.ts";
import { escapeText, SandboxedError } from "../../policy/index.ts";
import type { Command, Result } from "../command.ts";
import { lastValue } from "../parse.ts";
import { outputOptions } from "../run-options.ts";
import { homeOf } from "../surroundings.ts";

export const trust: Command = {
  operands: "[DIR]",
  options: [
    {
      id: "revoke",
      long: "revoke",
      short: null,
      argument: null,
      help: "trust it no longer",
      example: "--revoke",
    },
    { id: "list", long: "list", short: null, argument: null, help: "show what is trusted", example: "--list" },
    ...outputOptions,
  ],
  examples: ["sandboxed trust", "sandboxed trust ~/work/project", "sandboxed trust --revoke", "sandboxed trust --list"],
  about: [
    "From then on the project's configuration counts like your own, below --config and options; until then it only",
    "narrows. It is trusted as it is: when a file in its .sandboxed folder changes, it is not trusted any more.",
  ],
  async run(parsed) {
    const environment = ownEnvironment();
    const [directory, extra] = parsed.rest;
    const [isList, isRevoke] = [lastValue(parsed, "list") !== null, lastValue(parsed, "revoke") !== null];
    if (extra !== undefined || (isList && (isRevoke || directory !== undefined))) {
      throw new SandboxedError("usage", "one directory at a time, or --list", { hint: "write sandboxed trust DIR" });
    }
    if (isList) return list(environment);
    const workspace = directory === undefined ? findWorkspace(process.cwd(), homeOf(environment)) : resolve(directory);
    return isRevoke ? revoke(workspace, environment) : add(workspace, environment);
  },
};

type Environment = ReadonlyMap<string, string>;

async function add(workspace: string, environment: Environment): Promise<Result> {
  const closure = await readClosure(workspace);
  // What is wrong with it is told now, not at the next run.
  if (closure?.files.includes("config.toml") === true) await checkConfigFile(projectConfigFile(workspace));
  const project = await trustProject(workspace, environment, new Date());
  const files = project.files.map((name) => `  .sandboxed/${escapeText(name)}\n`);
  return { data: { trusted: project }, text: `trusted ${escapeText(project.path)}\n${files.join("")}`, status: 0 };
}

async function revoke(workspace: string, environment: Environment): Promise<Result> {
  const was = await revokeTrust(workspace, environment);
  const text = `${escapeText(workspace)} ${was ? "is trusted no longer" : "was not trusted"}\n`;
  return { data: { path: workspace, revoked: was }, text, status: was ? 0 : 1 };
}

async function list(environment: Environment): Promise<Result> {
  const projects = await Promise.all(
    trustedProjects(environment).map(async (project) => ({
      ...project,
      state: await stateOf(project.path, project.hash),
    })),
  );
  const text = projects.map(({ path, state, time }) => `${state.padEnd(8)} ${time}  ${escapeText(path)}\n`).join("");
  return { data: { projects }, text, status: 0 };
}

/** `gone` where the folder is not there any more, `changed` where it cannot be read as it was. */
async function stateOf(path: string, hash: string): Promise<"trusted" | "changed" | "gone"> {
  try {
    const closure = await readClosure(path);
    return closure === null ? "gone" : closure.hash === hash ? "trusted" : "changed";
  } catch (error) {
    if (error instanceof SandboxedError) return "changed";
    throw error;
  }
}
