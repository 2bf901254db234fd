import { METHODS } from "node:http";
import type { DoorReason, Passage, Target } from "../decide/gate.ts";
import { looksLikeTls, readClientHello } from "./client-hello.ts";

/** What a client's first bytes inside a tunnel are. `http2` is HTTP/2 without TLS and without asking. */
export type Opening =
  | { readonly kind: "tls"; readonly serverName: string | null }
  | { readonly kind: "broken_tls" }
  | { readonly kind: "http" }
  | { readonly kind: "http2" }
  | { readonly kind: "other" };

export interface OpeningProblem {
  readonly reason: DoorReason;
  readonly message: string;
}

/** What some server takes for the space between the words of a line, or passes over before them: Python the rarer ones. */
const space = String.raw`[\s\x1c-\x1f\x85]`;
const letter = String.raw`[^\s\x1c-\x1f\x85]`;

/**
 * A word and a place: Java and Node take requests of versions that are none of HTTP's, and Python those that have GET
 * and no version. No part can end where the next could begin in more than one place: what is read again at each byte
 * has to be read in one go.
 */
const place = String.raw`(?:/|[A-Za-z][A-Za-z0-9+.-]*:/)[^\0\s\x1c-\x1f\x85]*`;
const wordAndPlace = new RegExp(`^${space}*${letter}+${space}+${place}(?:${space}|$)`);
/** Node takes any place that begins with a star, and no version, with each method that it knows. */
const rtspMethods = String.raw`DESCRIBE|ANNOUNCE|SETUP|PLAY|PAUSE|TEARDOWN|[GS]ET_PARAMETER|REDIRECT|RECORD|FLUSH`;
const starred = new RegExp(`^${space}*(?:${METHODS.join("|")}|${rtspMethods}|SOURCE)${space}+[*]`);
const plainGet = new RegExp(`^${space}*GET${space}`);
/** Node's server speaks three of them, and takes any place with each. */
const namesVersion = /(?:http|\b(?:rtsp|ice))\/[0-9]/i;
/** What may become a request yet. No protocol of bytes holds its first NUL back for long. */
const requestStart = new RegExp(`^${space}*(?:[!#$%&'*+.^_\`|~0-9A-Za-z-]+(?:${space}[^\\0\\r\\n]*)?)?$`);
const longestLine = 16_384;

/** Recognises an opening, or asks for more. */
export function readOpening(bytes: Buffer): Opening | undefined {
  const tls = looksLikeTls(bytes);
  if (tls === undefined) return undefined;
  if (tls) {
    const hello = readClientHello(bytes);
    if (hello === undefined) return undefined;
    return hello === "malformed" ? { kind: "broken_tls" } : { kind: "tls", serverName: hello.serverName };
  }
  return readRequestLine(bytes.subarray(0, longestLine).toString("latin1"));
}

function readRequestLine(text: string): Opening | undefined {
  const start = text.search(/[^\r\n]/);
  const end = start === -1 ? -1 : text.indexOf("\n", start);
  if (end !== -1) {
    const line = text.slice(start, end).replace(/\r$/, "");
    if (!isRequestLine(line)) return { kind: "other" };
    return { kind: line.startsWith("PRI ") ? "http2" : "http" };
  }
  if (!requestStart.test(text.slice(start === -1 ? text.length : start).replace(/\r$/, ""))) return { kind: "other" };
  return text.length < longestLine ? undefined : { kind: "http" };
}

/** However a line is spelled, if some server takes it for a request, the parser shall judge, which takes one spelling. */
export function isRequestLine(line: string): boolean {
  return namesVersion.test(line) || wordAndPlace.test(line) || plainGet.test(line) || starred.test(line);
}

/**
 * Why an opening may not pass towards a target, or null. `http` is for the caller to hand to the parser, and so is TLS
 * where a rule looks at requests and `intercepts` says that it can be read.
 */
export function openingProblem(
  opening: Opening,
  { target, sni, inspect }: Passage,
  intercepts: boolean,
): OpeningProblem | null {
  const isNamed = !target.isAddress && sni === "name";
  if (opening.kind === "tls") {
    if (inspect === true)
      return intercepts ? nameProblem(opening.serverName, target, isNamed) : unreadable(target.host);
    return isNamed ? nameProblem(opening.serverName, target, true) : null;
  }
  if (opening.kind === "http") {
    return isNamed && target.port === 443
      ? { reason: "sni_missing", message: `Port 443 of ${target.host} takes TLS, not plain HTTP.` }
      : null;
  }
  if (inspect === true) return unreadable(target.host);
  if (!isNamed) return null;
  if (opening.kind === "broken_tls") return { reason: "bad_request", message: "The TLS handshake is malformed." };
  if (opening.kind === "http2") {
    return { reason: "bad_request", message: "HTTP/2 without TLS hides which host each request is for." };
  }
  if (target.port === 443) return { reason: "sni_missing", message: `Port 443 of ${target.host} takes TLS alone.` };
  if (target.port === 80) return { reason: "bad_request", message: `Port 80 of ${target.host} takes HTTP alone.` };
  return null;
}

/** Inside of TLS that ends here a request is for the target, so that no other name may be asked for. */
function nameProblem(serverName: string | null, { host }: Target, mustName: boolean): OpeningProblem | null {
  if (serverName === host || (serverName === null && !mustName)) return null;
  return serverName === null
    ? { reason: "sni_missing", message: `The TLS handshake names no server; ${host} was asked for.` }
    : { reason: "sni_mismatch", message: `The TLS handshake names another server than ${host}.` };
}

function unreadable(host: string): OpeningProblem {
  return { reason: "method_not_allowed", message: `A rule looks at the requests to ${host}; these cannot be read.` };
}

/** A fatal alert, access_denied (RFC 8446, section 6.2): clients say so instead of "connection reset". */
export const accessDenied = Buffer.from([0x15, 0x03, 0x03, 0x00, 0x02, 0x02, 0x31]);
