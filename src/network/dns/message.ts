import { AUTHORITATIVE_ANSWER, decode, encode, RECURSION_AVAILABLE, RECURSION_DESIRED } from "dns-packet";
import type { OptAnswer, Packet } from "dns-packet";

/** The one question of a message that can be answered. */
export interface Question {
  readonly id: number;
  readonly name: string;
  /** `A`, `AAAA`, …; `UNKNOWN_65` for types without a name. */
  readonly type: string;
  readonly isInternet: boolean;
  readonly wantsRecursion: boolean;
  /** What the client takes over UDP; null without EDNS. */
  readonly ednsSize: number | null;
  /** As it was written, to be repeated to the byte: clients compare it, letter case included. */
  readonly written: Buffer;
}

export type Received =
  | { readonly kind: "question"; readonly question: Question }
  /** A header that can be answered, and nothing behind it that can be read. */
  | { readonly kind: "malformed"; readonly id: number; readonly rcode: number }
  /** Nothing to answer: too short for a header, too long, or an answer itself. */
  | { readonly kind: "noise" };

export const rcodes = { noError: 0, formatError: 1, nameError: 3, notImplemented: 4, refused: 5 } as const;

/** Extended DNS Errors (RFC 8914). */
export const extendedErrors = { other: 0, blocked: 15 } as const;

/**
 * A record of an answer. A type of our own: that of the library comes in a package which those who compile against this
 * one do not have.
 */
export interface Answer {
  readonly type: "A" | "AAAA" | "PTR";
  readonly name: string;
  /** Seconds. */
  readonly ttl: number;
  readonly data: string;
}

export interface Reply {
  readonly rcode: number;
  readonly answers: readonly Answer[];
  readonly error: { readonly code: number; readonly text: string } | null;
}

/** Longer ones hold no question that a program needs an answer to. */
export const LONGEST_MESSAGE = 2048;
const HEADER = 12;
/** Over UDP without EDNS. */
const SMALLEST_LIMIT = 512;
const TRUNCATED = 1 << 9;
const EXTENDED_ERROR = 15;

/** Reads a message; never throws, and decodes only what a header of one plain question announces. */
export function readMessage(message: Buffer): Received {
  if (message.length < HEADER || message.length > LONGEST_MESSAGE) return { kind: "noise" };
  const id = message.readUInt16BE(0);
  const flags = message.readUInt16BE(2);
  if ((flags & 0x8000) !== 0) return { kind: "noise" };
  if ((flags & 0x7800) !== 0) return { kind: "malformed", id, rcode: rcodes.notImplemented };
  const [questions = 0, answers = 0, authorities = 0, additionals = 0] = [4, 6, 8, 10].map((at) =>
    message.readUInt16BE(at),
  );
  const isPlain = questions === 1 && answers === 0 && authorities === 0 && additionals <= 2;
  const question = isPlain ? readQuestion(message) : null;
  return question === null ? { kind: "malformed", id, rcode: rcodes.formatError } : { kind: "question", question };
}

function readQuestion(message: Buffer): Question | null {
  const read = decoded(message);
  const [question] = read?.packet.questions ?? [];
  if (read === null || question === undefined) return null;
  const { packet, name } = read;
  const end = HEADER + name.length + 4;
  // Labels that hold a dot, pointers and bytes beyond UTF-8 read as another name than they are written.
  if (message.length < end || !message.subarray(HEADER, end - 4).equals(name)) return null;
  const opt = packet.additionals?.find((record): record is OptAnswer => record.type === "OPT");
  return {
    id: message.readUInt16BE(0),
    name: question.name,
    type: question.type,
    isInternet: message.readUInt16BE(end - 2) === 1,
    wantsRecursion: ((packet.flags ?? 0) & RECURSION_DESIRED) !== 0,
    ednsSize: opt === undefined ? null : opt.udpPayloadSize,
    written: Buffer.from(message.subarray(HEADER, end)),
  };
}

/** The message, and the name of its question as the library would write it. */
function decoded(message: Buffer): { readonly packet: Packet; readonly name: Buffer } | null {
  try {
    const packet = decode(message);
    const name = packet.questions?.[0]?.name ?? ".";
    return { packet, name: encode({ questions: [{ name, type: "A" }] }).subarray(HEADER, -4) };
  } catch {
    // The library throws errors of several kinds at what it cannot read; whatever it was, this is no question.
    return null;
  }
}

/** The answer as bytes; what is too long for UDP goes without its records, so that the client comes over TCP. */
export function writeReply(question: Question, reply: Reply, transport: "udp" | "tcp"): Buffer {
  const whole = compose(question, reply, 0);
  const limit = transport === "tcp" ? 0xffff : Math.max(SMALLEST_LIMIT, question.ednsSize ?? 0);
  return whole.length <= limit ? whole : compose(question, { ...reply, answers: [], error: null }, TRUNCATED);
}

/** The answer to a message whose question cannot be repeated. */
export function writeFault(id: number, rcode: number): Buffer {
  return encode({ type: "response", id, flags: RECURSION_AVAILABLE | rcode });
}

function compose({ id, written, wantsRecursion, ednsSize }: Question, reply: Reply, flags: number): Buffer {
  const { rcode, answers, error } = reply;
  const opt: OptAnswer = {
    type: "OPT",
    name: ".",
    udpPayloadSize: LONGEST_MESSAGE,
    extendedRcode: 0,
    ednsVersion: 0,
    flags: 0,
    flag_do: false,
    options: [],
  };
  const rest = encode({
    type: "response",
    id,
    flags: AUTHORITATIVE_ANSWER | RECURSION_AVAILABLE | (wantsRecursion ? RECURSION_DESIRED : 0) | flags | rcode,
    answers: [...answers],
    additionals: ednsSize === null ? [] : [opt],
  });
  // The library writes no pointers, so that its records stand anywhere.
  rest.writeUInt16BE(1, 4);
  const option = error === null || ednsSize === null ? Buffer.alloc(0) : errorOption(error);
  // The record for options comes last, and its length at its end.
  if (option.length > 0) rest.writeUInt16BE(option.length, rest.length - 2);
  return Buffer.concat([rest.subarray(0, HEADER), written, rest.subarray(HEADER), option]);
}

/** By hand: the library's types know no such option. */
function errorOption({ code, text }: NonNullable<Reply["error"]>): Buffer {
  const words = Buffer.from(text);
  const head = Buffer.alloc(6);
  [EXTENDED_ERROR, 2 + words.length, code].forEach((value, index) => head.writeUInt16BE(value, 2 * index));
  return Buffer.concat([head, words]);
}
