import { badHost, parseBareHost } from "../names/authority.ts";
import type { DoorObserver, Gate, Refusal } from "../decide/gate.ts";
import { isLocalName } from "../names/local-names.ts";
import { isSynthetic } from "../names/synthetic.ts";
import type { SyntheticNames } from "../names/synthetic.ts";
import { extendedErrors, rcodes } from "./message.ts";
import type { Answer, Question, Reply } from "./message.ts";

/** What the answers of one run are made from. */
export interface AnswerParts {
  readonly gate: Gate;
  readonly names: SyntheticNames;
  readonly observe?: DoorObserver;
}

/** Seconds that programs may keep an answer. An address stands for its name as long as the run lives. */
const LIFE = 60;

/**
 * The door's own answer: an allowed name has one IPv4 address that stands for it and nothing else, any other does not
 * exist. Nobody outside is asked, whatever the name.
 */
export async function answer(question: Question, { gate, names, observe }: AnswerParts): Promise<Reply> {
  if (!question.isInternet) return refused("only the class IN is answered");
  const parsed = parseBareHost(question.name.toLowerCase(), 0);
  const isLocal = parsed.ok && isLocalName(parsed.value.host);
  if (isLocal) return localAnswer(question);
  const reverse = addressOfReverse(question.name);
  if (reverse !== null) return reverseAnswer(question, reverse, names);
  if (!parsed.ok) {
    const refusal = badHost("dns", parsed.fault);
    observe?.(event(refusal));
    return blocked(refusal.message);
  }
  // An address is no name, and asking for one is no way to it.
  if (parsed.value.isAddress) return blocked("an address is no name");
  const admitted = await gate.admit(parsed.value, "dns");
  if (!admitted.ok) {
    observe?.(event(admitted.refusal));
    return blocked(admitted.refusal.message);
  }
  if (question.type !== "A") return found([]);
  const address = names.addressFor(parsed.value.host);
  if (address === null) return refused("this run has asked for too many names");
  const { decision, target } = admitted.value;
  observe?.({ kind: "allowed", protocol: "dns", target, refusal: null, decision, sent: 0, received: 0 });
  return found([{ type: "A", name: question.name, ttl: LIFE, data: address }]);
}

/** So many questions at once are not a program's, but a way of carrying something out or of keeping the door busy. */
export function tooMany(): Reply {
  return refused("too many questions");
}

function localAnswer({ type, name }: Question): Reply {
  if (type === "A") return found([{ type, name, ttl: LIFE, data: "127.0.0.1" }]);
  return found(type === "AAAA" ? [{ type, name, ttl: LIFE, data: "::1" }] : []);
}

function reverseAnswer(question: Question, address: string, names: SyntheticNames): Reply {
  const name = address === "127.0.0.1" || address === "::1" ? "localhost" : names.nameOf(address);
  if (name === null) return isSynthetic(address) ? absent() : blocked("addresses outside have no names here");
  return found(question.type === "PTR" ? [{ type: "PTR", name: question.name, ttl: LIFE, data: name }] : []);
}

/** `2.1.18.198.in-addr.arpa` as the address it asks about; null for other names. Of IPv6 only `::1` has a name. */
function addressOfReverse(name: string): string | null {
  const v4 = /^(\d{1,3})\.(\d{1,3})\.(\d{1,3})\.(\d{1,3})\.in-addr\.arpa$/i.exec(name);
  if (v4 !== null) return v4.slice(1).toReversed().join(".");
  return /^1\.(?:0\.){31}ip6\.arpa$/i.test(name) ? "::1" : null;
}

function found(answers: readonly Answer[]): Reply {
  return { rcode: rcodes.noError, answers, error: null };
}

function absent(): Reply {
  return { rcode: rcodes.nameError, answers: [], error: null };
}

/** "There is no such name" ends a look-up at once; REFUSED makes C libraries try again or elsewhere. */
function blocked(text: string): Reply {
  return { rcode: rcodes.nameError, answers: [], error: { code: extendedErrors.blocked, text } };
}

/** For what may be asked again later. */
function refused(text: string): Reply {
  return { rcode: rcodes.refused, answers: [], error: { code: extendedErrors.other, text } };
}

function event(refusal: Refusal) {
  const { target, decision } = refusal;
  return { kind: "refused", protocol: "dns", target, refusal, decision, sent: 0, received: 0 } as const;
}
