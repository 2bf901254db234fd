import { newSessionId, openSession } from "../audit/index.ts";
import { version } from "../generated/version.ts";
import { SandboxedError } from "../policy/index.ts";
import { prepare, start } from "../sandbox/index.ts";
import type { Backend, Prepared, RunOutcome, RunRequest } from "../sandbox/index.ts";
import type { ChosenProgram } from "./interpreter.ts";
import type { Asked } from "./policy-flags.ts";

/** A run as the command line has it. */
export interface Run extends Asked {
  readonly program: ChosenProgram;
  readonly backend: Backend | null;
  readonly terminal: "auto" | "always" | "never";
  readonly ephemeral: boolean;
}

/** Decided, not started. */
export interface PreparedRun {
  readonly request: RunRequest;
  readonly prepared: Prepared;
}

/** Decides everything; starts and writes nothing. Errors: those of `prepare`, `usage`. */
export function prepareRun(run: Run): PreparedRun {
  const { config, cwd, environment, program, ephemeral } = run;
  if (ephemeral && config.audit === "required") {
    throw new SandboxedError("usage", '--ephemeral is refused: the configuration says audit = "required"', {
      hint: "leave --ephemeral out",
    });
  }
  if (run.backend === "landlock" && !config.features.use_legacy_landlock) {
    throw new SandboxedError("usage", "--backend landlock has to be enabled: it holds less than the others", {
      hint: "add --enable use_legacy_landlock",
    });
  }
  const id = newSessionId();
  const argv = [program.program, ...program.arguments];
  const request: RunRequest = {
    policy: config.policy,
    program: program.program,
    arguments: program.arguments,
    script: program.script,
    cwd,
    environment,
    workspaceRoots: null,
    workspace: config.profile.workspace,
    backend: run.backend,
    terminal: run.terminal,
    streams: ["inherit", "inherit", "inherit"],
    session: { id, openJournal: () => openSession({ id, ephemeral, argv, cwd, version, environment }).journal },
    explain: true,
    attended: true,
  };
  return { request, prepared: prepare(request) };
}

/** Runs the program to its end. */
export async function execute({ request, prepared }: PreparedRun): Promise<RunOutcome> {
  return start(request, prepared).outcome;
}
