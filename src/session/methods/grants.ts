import { SandboxedError } from "../../policy/index.ts";
import type { Capability } from "../capability/kinds.ts";
import { readCapability } from "../capability/wire.ts";
import { SessionError } from "../error.ts";
import type { Json, JsonObject } from "../json.ts";
import type { Call, MethodDefinition } from "../method.ts";
import { Params } from "../params.ts";

const MOST_CAPABILITIES = 100;

/** Makes a token for part of what the caller may do, good at the caller's door. */
export type MakeToken = (
  call: Call,
  capabilities: readonly Capability[],
  expiresIn: number | null,
) => { readonly token: string; readonly id: string; readonly capabilities: readonly string[] };

/** Takes a token's grant back, if it was made from the caller's. */
export type TakeBack = (call: Call, id: string) => boolean;

export function grantMethods(make: MakeToken, takeBack: TakeBack): readonly MethodDefinition[] {
  return [
    {
      name: "session.grant",
      capability: "delegate",
      subjectsOf(params) {
        grantParams(params);
        return [];
      },
      async handle(call) {
        const { capabilities, expiresIn } = grantParams(call.params);
        const { token, id, capabilities: held } = make(call, capabilities, expiresIn);
        return { token, grant: id, capabilities: held };
      },
    },
    {
      name: "session.revoke",
      capability: "delegate",
      subjectsOf(params) {
        new Params("session.revoke", params, ["grant"]).text("grant", 100);
        return [];
      },
      async handle(call) {
        const id = new Params("session.revoke", call.params, ["grant"]).text("grant");
        return { revoked: takeBack(call, id) };
      },
    },
  ];
}

function grantParams(params: JsonObject): {
  readonly capabilities: readonly Capability[];
  readonly expiresIn: number | null;
} {
  const given = new Params("session.grant", params, ["capabilities", "expires_in", "calls"]);
  const calls = given.count("calls", Number.MAX_SAFE_INTEGER);
  const wanted = given.list("capabilities", MOST_CAPABILITIES);
  if (wanted.length === 0) throw new SessionError("invalid_params", "session.grant: capabilities names none");
  const capabilities = wanted.map((each) => atMost(capabilityFrom(each), calls));
  return { capabilities, expiresIn: given.seconds("expires_in") };
}

function atMost(capability: Capability, calls: number | null): Capability {
  return calls === null ? capability : { ...capability, calls: Math.min(calls, capability.calls ?? calls) };
}

/** Errors: `invalid_params`. */
export function capabilityFrom(value: Json): Capability {
  try {
    return readCapability(value);
  } catch (error) {
    if (!(error instanceof SandboxedError)) throw error;
    throw new SessionError("invalid_params", error.message, { hint: error.hint });
  }
}
