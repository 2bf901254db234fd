import { newSessionId } from "../audit/index.ts";
import { prepare } from "../sandbox/index.ts";
import type { Prepared } from "../sandbox/index.ts";
import type { Asked } from "./policy-flags.ts";

/** The policy resolved for this host and ready to be asked; nothing is started. Errors: those of `prepare`. */
export function prepareToAsk({ config, cwd, environment }: Asked): Prepared {
  return prepare({
    policy: config.policy,
    // Any program will do: it is never started.
    program: "/bin/sh",
    arguments: [],
    script: null,
    cwd,
    environment,
    workspaceRoots: null,
    workspace: config.profile.workspace,
    backend: null,
    terminal: "never",
    session: { id: newSessionId() },
  });
}
