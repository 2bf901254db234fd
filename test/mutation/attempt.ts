import { text } from "node:stream/consumers";
import { builtinProfile, entryFrom, SandboxedError } from "../../src/policy/index.ts";
import type { Access, EnvironmentPolicy, Limits, Provenance } from "../../src/policy/index.ts";
import { prepare, StaleLaunch, start } from "../../src/sandbox/index.ts";
import type { Prepared, RunOutcome, RunRequest } from "../../src/sandbox/index.ts";
import type { Stage } from "../stage/index.ts";
import { unbound } from "../stage/unbound.ts";

/** What the policy of an attempt says besides `:isolated`. */
export interface Grants {
  readonly entries?: readonly (readonly [access: Access, path: string])[];
  readonly limits?: Partial<Limits>;
  readonly environment?: Partial<EnvironmentPolicy>;
}

/** A program in a sandbox whose protections may have been changed after they were planned. */
export interface Attempt {
  readonly program: "sh" | "python3";
  readonly script: string;
  readonly grants?: Grants;
  readonly hostEnvironment?: Readonly<Record<string, string>>;
}

export interface Attempted {
  readonly stdout: string;
  readonly stderr: string;
  /** Null when nothing of the program ran. */
  readonly outcome: RunOutcome | null;
  readonly refused: string | null;
}

const provenance: Provenance = { layer: "flag", file: null, line: null, column: null, owner: "you" };

/** Plans the attempt as the tool would, switches protections off, and starts what is left. */
export async function attempt(stage: Stage, what: Attempt, off: (prepared: Prepared) => Prepared): Promise<Attempted> {
  const request = requestFor(stage, what);
  const { launch, outcome } = start(request, off(prepare(request)));
  const { stdout, stderr } = launch.streams ?? {};
  if (!stdout || !stderr) throw new Error("the program's streams are no pipes");
  const [printed, complained, ended] = await Promise.all([text(stdout), text(stderr), outcome.catch(refusal)]);
  return {
    stdout: printed,
    stderr: complained,
    outcome: typeof ended === "string" ? null : ended,
    refused: typeof ended === "string" ? ended : null,
  };
}

function refusal(thrown: unknown): string {
  // The tool would plan anew, and the same would come of it.
  const error = thrown instanceof StaleLaunch ? thrown.cause : thrown;
  if (error instanceof SandboxedError) return `${error.code}: ${error.message}`;
  throw error;
}

function requestFor(stage: Stage, { program, script, grants = {}, hostEnvironment = {} }: Attempt): RunRequest {
  const base = builtinProfile(":isolated");
  if (base === null) throw new Error("no :isolated");
  const added = (grants.entries ?? []).map(([access, path]) =>
    entryFrom(path, access, provenance, `--${access} ${path}`),
  );
  const profile = {
    ...base,
    filesystem: { ...base.filesystem, entries: [...base.filesystem.entries, ...added] },
    limits: { ...base.limits, ...grants.limits },
    environment: { ...base.environment, ...grants.environment },
  };
  const environment = Object.entries(stage.environment({ environment: hostEnvironment }));
  return {
    policy: unbound({ layers: [{ layer: "flag", profile }] }),
    program,
    arguments: ["-c", script],
    script: null,
    cwd: stage.workspace,
    environment: new Map(environment.flatMap(([name, value]) => (value === undefined ? [] : [[name, value] as const]))),
    workspaceRoots: null,
    workspace: "repo",
    backend: null,
    terminal: "never",
    streams: ["ignore", "pipe", "pipe"],
    session: { id: "mutation", openJournal: () => ({ append: () => {}, close: () => {} }) },
    explain: false,
    attended: false,
  };
}
