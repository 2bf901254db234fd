import { newSessionId } from "../../audit/index.ts";
import type { SessionProtocol } from "../../network/index.ts";
import type { Capability } from "../capability/kinds.ts";
import type { SessionContext } from "../context.ts";
import { SessionError } from "../error.ts";
import type { DoorOf } from "../grant/grant.ts";
import type { Json, JsonObject } from "../json.ts";
import type { Call, MethodDefinition } from "../method.ts";
import { Params } from "../params.ts";
import type { AgentChannel, AgentEnd, Spawner } from "../spawner.ts";
import { channelVariables } from "../variables.ts";
import { capabilityFrom } from "./grants.ts";

/** Makes a token for a program that works for the call, good at a door of its own. `ended`: it is to end. */
export type Enlist = (
  call: Call,
  capabilities: readonly Capability[],
  door: DoorOf,
  ended: (why: SessionError) => void,
) => { readonly id: string; readonly token: string; readonly protocol: SessionProtocol };

const MOST_CAPABILITIES = 100;
const MOST_WORDS = 1000;
/** Of the command, in characters: as much as any system takes as arguments. */
const LONGEST_COMMAND = 128 * 1024;
/** Programs at once; each has a sandbox, with all the limits of the run. */
const MOST_RUNNING = 8;

/** Programs that a session's programs start through it. */
export class Agents {
  readonly #spawner: () => Promise<Spawner | null>;
  readonly #enlist: Enlist;
  readonly #running = new Set<Promise<unknown>>();

  constructor(spawner: () => Promise<Spawner | null>, enlist: Enlist) {
    this.#spawner = spawner;
    this.#enlist = enlist;
  }

  /** Settles when none is left. */
  async settled(): Promise<void> {
    await Promise.allSettled(this.#running);
  }

  method(): MethodDefinition {
    return {
      name: "session.spawn",
      capability: "agents",
      acts: "durable",
      subjectsOf: (params) => [spawnParams(params).command[0]],
      handle: async (call, context) => {
        if (this.#running.size >= MOST_RUNNING) {
          throw new SessionError("overloaded", `${MOST_RUNNING} programs were started and have not ended`, {
            rule: `a session has ${MOST_RUNNING} of them at once`,
            retryable: true,
          });
        }
        const running = this.#run(call, context);
        this.#running.add(running);
        try {
          return await running;
        } finally {
          this.#running.delete(running);
        }
      },
    };
  }

  async #run(call: Call, context: SessionContext): Promise<Json> {
    const { command, capabilities } = spawnParams(call.params);
    const spawner = await this.#spawner();
    if (spawner === null) throw new SessionError("unsupported", "this session cannot start programs");
    call.requireOpen();
    const id = newSessionId();
    const ending = new AbortController();
    const stop = (): void => ending.abort();
    const enlisted = capabilities.length === 0 ? null : this.#enlist(call, capabilities, { name: id }, stop);
    const childGrant = enlisted?.id ?? null;
    context.record(
      { kind: "session.spawning", call: call.id, grant: call.holder.id, child: id, childGrant, argv: command },
      "durable",
    );
    const before = context.clock.paused();
    call.signal.addEventListener("abort", stop, { once: true });
    const end = await spawner.run({
      id,
      command,
      channel: enlisted === null ? null : channelOf(enlisted, context),
      pausedFor: () => context.clock.paused() - before,
      signal: ending.signal,
    });
    call.signal.removeEventListener("abort", stop);
    const said = end.kind === "ended" ? { status: end.status, message: null } : { status: null, message: end.message };
    context.record({ kind: "session.spawned", call: call.id, child: id, ...said }, "batched");
    return answerOf(end, id, command[0]);
  }
}

function channelOf(
  { token, protocol }: { readonly token: string; readonly protocol: SessionProtocol },
  { networkMode }: SessionContext,
): AgentChannel {
  return { protocol, environment: (port) => channelVariables(port, token, networkMode) };
}

/** Errors: why it did not run, in words that say nothing of what is hidden from the caller. */
function answerOf(end: AgentEnd, session: string, program: string): Json {
  switch (end.kind) {
    case "ended": {
      const { status, exit, signal, stdout, stderr } = end;
      const cut = { stdout_cut: stdout.isCut, stderr_cut: stderr.isCut };
      return { session, status, exit, signal, stdout: stdout.text, stderr: stderr.text, ...cut };
    }
    case "no_program":
      throw new SessionError("not_found", `there is no program ${program.slice(0, 200)} that the caller could start`, {
        hint: "name it as the caller itself would start it",
      });
    case "wider":
      throw new SessionError("policy_denied", "its sandbox would hold less than the caller's", {
        rule: "a program that is spawned has no more than the run it belongs to",
        hint: "the workspace has changed since the run began: start another run",
      });
    case "stopped":
      throw new SessionError("revoked", "it was to end before it began");
    case "failed":
      throw new SessionError("failed", "its sandbox could not be built; the session's journal says why");
    default:
      return end satisfies never;
  }
}

function spawnParams(params: JsonObject): {
  readonly command: readonly [string, ...string[]];
  readonly capabilities: readonly Capability[];
} {
  const given = new Params("session.spawn", params, ["command", "capabilities"]);
  const [program = "", ...words] = given.texts("command", MOST_WORDS);
  const length = words.reduce((sum, word) => sum + word.length + 1, program.length);
  if (program === "") throw new SessionError("invalid_params", "session.spawn: command names no program");
  if (length > LONGEST_COMMAND) {
    throw new SessionError("too_large", `the command has more than ${LONGEST_COMMAND} characters`);
  }
  if ([program, ...words].some((word) => word.includes("\0"))) {
    throw new SessionError("invalid_params", "session.spawn: command holds a null character");
  }
  const capabilities = given.list("capabilities", MOST_CAPABILITIES).map(capabilityFrom);
  return { command: [program, ...words], capabilities };
}
