import { newSessionId, openSession } from "../audit/index.ts";
import { ownEnvironment } from "../config/index.ts";
import { version } from "../generated/version.ts";
import type { Policy } from "../policy/index.ts";
import type { PrepareRequest, StartRequest } from "../sandbox/index.ts";

const inherited = ["ignore", "inherit", "inherit"] as const;
const piped = ["ignore", "pipe", "pipe"] as const;

/** What a host has to say of a run, and what it may. */
export type HostAsked = Pick<PrepareRequest<Policy>, "policy" | "program"> &
  Partial<PrepareRequest<Policy> & StartRequest> & {
    /** Keep no journal, where the session is left out. */
    readonly ephemeral?: boolean;
    /** Who takes part in the run gets its output through pipes. */
    readonly onStart?: unknown;
  };

/**
 * What a host leaves out is as for a program that is started where the host stands, with its variables, without input,
 * writing where the host writes, or to the host where that takes part. The session is a new one whose journal is kept.
 */
export function withDefaults<T extends HostAsked>(asked: T) {
  const {
    arguments: words = [],
    script = null,
    cwd = process.cwd(),
    environment = ownEnvironment(),
    workspaceRoots = null,
    workspace = "repo",
    backend = null,
    terminal = "never",
    streams = asked.onStart === undefined ? inherited : piped,
    explain = true,
    attended = false,
    ephemeral = false,
  } = asked;
  const id = asked.session?.id ?? newSessionId();
  const argv = [asked.program, ...words];
  const session: StartRequest["session"] = asked.session ?? {
    id,
    openJournal: () => openSession({ id, ephemeral, argv, cwd, version, environment }).journal,
  };
  return {
    ...asked,
    arguments: words,
    script,
    cwd,
    environment,
    workspaceRoots,
    workspace,
    backend,
    terminal,
    streams,
    explain,
    attended,
    session,
  };
}
