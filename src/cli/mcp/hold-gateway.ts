import { SandboxedError } from "../../policy/index.ts";
import type { Journal } from "../../policy/index.ts";
import { holdToRequirements, latestOf, LiveTerms, termsOf } from "../../reload/index.ts";
import type { FileAnswer } from "../../reload/index.ts";
import type { Parsed } from "../parse.ts";
import { askedFor } from "../policy-flags.ts";
import type { Asked } from "../policy-flags.ts";
import type { Voice } from "../voice.ts";

export interface GatewayAsked {
  readonly parsed: Parsed<string>;
  readonly asked: Asked;
  /** What was read for it, and when, in milliseconds since 1970. */
  readonly files: readonly FileAnswer[];
  readonly decided: number;
}

export interface HeldGateway {
  /** What bounds it, which the server behind is held to. */
  readonly live: LiveTerms;
  /** Aborted, with the error to end with, when its requirements do not allow it any more. */
  readonly ending: AbortSignal;
  close(): Promise<void>;
}

/** Holds a gateway to its requirements while it is on, as runs are. */
export function holdGateway(
  { parsed, asked, files, decided }: GatewayAsked,
  journal: Pick<Journal, "append">,
  voice: Voice,
): HeldGateway {
  const live = new LiveTerms(termsOf(asked.config));
  const ending = new AbortController();
  let why = "";
  const held = holdToRequirements({
    running: {
      door: () => Promise.resolve(null),
      record: (event, durability) => journal.append(event, durability),
      revoke: () => {
        const hint = "start it anew when they allow it again; sandboxed requirements show says what holds";
        ending.abort(new SandboxedError("mcp_disabled", why, { hint }));
      },
    },
    files: latestOf(files),
    decided,
    from: () =>
      Promise.resolve({
        terms: live,
        request: null,
        decide: async (how) => termsOf((await askedFor(parsed, asked, how)).config),
      }),
    tell: ({ effect, message }) => {
      if (effect === "ended") why = message;
      else if (effect !== "unchanged") voice.warn(message);
    },
  });
  return { live, ending: ending.signal, close: () => held.close() };
}
