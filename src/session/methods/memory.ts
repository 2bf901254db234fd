import { SessionError } from "../error.ts";
import type { Json, JsonObject } from "../json.ts";
import type { MethodDefinition } from "../method.ts";
import { Params } from "../params.ts";

/** What is remembered from one session to the next: JSON texts by key. */
export interface MemoryStore {
  get(key: string): string | undefined;
  /** Replaces what was there. Errors: `SessionError` `too_large`, `failed`. */
  set(key: string, text: string): void;
  delete(key: string): boolean;
  keys(): readonly string[];
}

/** `notes`, or `notes/anything`: what comes before the first slash is the store that a capability names. */
const keyShape = /^[\w.-]{1,64}(?:\/[\x21-\x7e]{1,191})?$/;
const MOST_VALUE = 1024 * 1024;

export function memoryMethods(store: MemoryStore): readonly MethodDefinition[] {
  return [
    {
      name: "session.memory.get",
      capability: "memory",
      subjectsOf: (params) => [storeOf(keyIn("session.memory.get", params))],
      async handle({ params }) {
        const text = store.get(keyIn("session.memory.get", params));
        if (text === undefined) return { found: false };
        const value: Json = JSON.parse(text);
        return { found: true, value };
      },
    },
    {
      name: "session.memory.set",
      capability: "memory",
      acts: "batched",
      subjectsOf: (params) => [storeOf(keyIn("session.memory.set", params, ["key", "value"]))],
      async handle(call) {
        const given = new Params("session.memory.set", call.params, ["key", "value"]);
        const key = given.text("key", 256);
        const text = JSON.stringify(given.any("value"));
        const before = store.get(key);
        const more = sizeOf(key, text) - (before === undefined ? 0 : sizeOf(key, before));
        if (text.length > MOST_VALUE || !call.store(more)) {
          throw new SessionError("too_large", `there is no room for ${text.length} bytes`, {
            rule: `${MOST_VALUE} bytes a value, or the bytes of the capability`,
          });
        }
        try {
          store.set(key, text);
        } catch (error) {
          call.store(-more);
          throw error;
        }
        return {};
      },
    },
    {
      name: "session.memory.list",
      capability: "memory",
      isFree: true,
      subjectsOf(params) {
        new Params("session.memory.list", params, ["prefix"]).optionalText("prefix", 256);
        return [];
      },
      async handle(call) {
        const prefix = new Params("session.memory.list", call.params, ["prefix"]).optionalText("prefix") ?? "";
        const keys = store.keys().filter((key) => key.startsWith(prefix) && call.covers(storeOf(key)));
        return { keys: keys.toSorted() };
      },
    },
    {
      name: "session.memory.delete",
      capability: "memory",
      acts: "batched",
      subjectsOf: (params) => [storeOf(keyIn("session.memory.delete", params))],
      async handle(call) {
        const key = keyIn("session.memory.delete", call.params);
        const before = store.get(key);
        if (before !== undefined) call.store(-sizeOf(key, before));
        return { deleted: store.delete(key) };
      },
    },
  ];
}

function keyIn(method: string, params: JsonObject, names: readonly string[] = ["key"]): string {
  const key = new Params(method, params, names).text("key", 256);
  if (keyShape.test(key)) return key;
  throw new SessionError("invalid_params", `${method}: the key is not a name, or a name, a slash and more`);
}

function storeOf(key: string): string {
  return key.split("/", 1)[0] ?? key;
}

function sizeOf(key: string, text: string): number {
  return key.length + Buffer.byteLength(text);
}
