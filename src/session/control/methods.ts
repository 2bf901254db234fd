import { OpenCall } from "../call/open.ts";
import { asSessionError } from "../call/open.ts";
import type { Channel } from "../channel.ts";
import { SessionError } from "../error.ts";
import { Grant } from "../grant/grant.ts";
import type { DoorOf } from "../grant/grant.ts";
import type { Json, JsonObject } from "../json.ts";
import type { MethodDefinition } from "../method.ts";
import { capabilityFrom } from "../methods/grants.ts";
import { Params } from "../params.ts";
import type { Caller } from "../protocol/service.ts";

/**
 * What the session's owner may do from outside: `session.info`, `control.grant`, `control.revoke`, `control.cancel`,
 * `control.questions`, `control.reply`, `control.summaries`.
 */
export function controlCaller(channel: Channel, door: DoorOf, cancel: () => void): Caller {
  const owner = new Grant("owner", { parent: null, door, held: [], expiresAt: null, within: null });
  const methods = new Map<string, (params: JsonObject) => Promise<Json> | Json>([
    ["session.info", () => about(channel)],
    [
      "control.grant",
      (params) => {
        const given = new Params("control.grant", params, ["capabilities", "expires_in"]);
        const wanted = given.list("capabilities", 100).map(capabilityFrom);
        if (wanted.length === 0) throw new SessionError("invalid_params", "control.grant: capabilities names none");
        const { grant, token } = channel.grant(door, wanted, given.seconds("expires_in"));
        return { token, grant: grant.id };
      },
    ],
    [
      "control.revoke",
      (params) => {
        const id = new Params("control.revoke", params, ["grant"]).text("grant", 100);
        const grant = channel.grants.byId(id);
        if (grant === null) throw new SessionError("not_found", `there is no grant ${id}`);
        const rule = `grant ${id} was revoked`;
        channel.grants.end(grant, new SessionError("revoked", "the session's owner took the token back", { rule }));
        return { revoked: true };
      },
    ],
    [
      "control.cancel",
      () => {
        channel.shut(new SessionError("revoked", "the session's owner ended the run"));
        cancel();
        return { cancelled: true };
      },
    ],
    [
      "control.questions",
      () => ({ questions: channel.questions.pending().map(({ question, age }) => ({ ...question, age_ms: age })) }),
    ],
    [
      "control.reply",
      (params) => {
        const given = new Params("control.reply", params, ["question", "approve", "content", "by"]);
        const approve = given.any("approve");
        if (typeof approve !== "boolean")
          throw new SessionError("invalid_params", "control.reply: approve is neither true nor false");
        const by = given.optionalText("by", 100) ?? "you";
        channel.questions.reply(given.text("question", 100), { approve, content: given.object("content") }, by);
        return { answered: true };
      },
    ],
    ["control.summaries", () => ({ summaries: channel.summaries.map((summary) => ({ ...summary })) })],
  ]);
  let made = 0;
  return {
    begin(method, params) {
      const act = methods.get(method);
      if (act === undefined) throw new SessionError("method_not_found", `there is no method ${method.slice(0, 100)}`);
      made += 1;
      const definition: MethodDefinition = {
        name: method,
        capability: null,
        subjectsOf: () => [],
        handle: () => Promise.resolve(null),
      };
      const call = new OpenCall(`owner${made}`, { grant: owner, acceptsImages: false }, definition, params, {
        now: channel.grants.now,
        ask: () => Promise.resolve(),
      });
      void (async () => {
        try {
          call.answer(await act(params));
        } catch (error) {
          call.fail(asSessionError(error));
        }
      })();
      return call;
    },
    cancel: (call, why) => void call.end(why),
  };
}

function about(channel: Channel): Json {
  const now = channel.grants.now();
  return {
    grants: channel.grants.live().map(({ id, parent, within, held, expiresAt }) => ({
      grant: id,
      parent: parent?.id ?? null,
      call: within?.id ?? null,
      capabilities: held.map((each) => each.text(now)),
      expires_in: expiresAt === null ? null : Math.max(0, Math.round((expiresAt - now) / 1000)),
    })),
    open_calls: channel.openCalls,
    questions: channel.questions.pending().length,
    paused_ms: Math.round(channel.clock.paused()),
  };
}
