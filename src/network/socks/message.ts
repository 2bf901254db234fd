import { isIP } from "node:net";

/** What a client says, in its order (RFC 1928, RFC 1929). `length` is how many bytes it took. */
export interface Greeting {
  readonly length: number;
  readonly methods: readonly number[];
}

export interface Credentials {
  readonly length: number;
  readonly password: Buffer;
}

export interface SocksRequest {
  readonly length: number;
  readonly command: number;
  /** As it stands in the request; names are not checked here. Null for a kind of address that does not exist. */
  readonly host: { readonly text: string; readonly isName: boolean } | null;
  readonly port: number;
}

/** Each reader returns undefined while bytes are missing and "malformed" for what can never become a message. */
type Read<T> = T | "malformed" | undefined;

export function readGreeting(bytes: Buffer): Read<Greeting> {
  if (bytes[0] !== 5) return "malformed";
  const count = bytes[1];
  if (count === undefined) return undefined;
  if (count === 0) return "malformed";
  const length = 2 + count;
  return bytes.length < length ? undefined : { length, methods: [...bytes.subarray(2, length)] };
}

export function readCredentials(bytes: Buffer): Read<Credentials> {
  if (bytes[0] !== 1) return "malformed";
  const userLength = bytes[1];
  if (userLength === undefined) return undefined;
  const passwordLength = bytes[2 + userLength];
  if (passwordLength === undefined) return undefined;
  const length = 3 + userLength + passwordLength;
  return bytes.length < length ? undefined : { length, password: bytes.subarray(3 + userLength, length) };
}

export function readSocksRequest(bytes: Buffer): Read<SocksRequest> {
  if (bytes[0] !== 5 || (bytes.length > 2 && bytes[2] !== 0)) return "malformed";
  const [, command, , kind, nameLength] = bytes;
  if (command === undefined || kind === undefined) return undefined;
  if (kind !== 1 && kind !== 3 && kind !== 4) return { length: bytes.length, command, host: null, port: 0 };
  if (nameLength === undefined) return undefined;
  const start = kind === 3 ? 5 : 4;
  const end = start + (kind === 1 ? 4 : kind === 4 ? 16 : nameLength);
  if (bytes.length < end + 2) return undefined;
  const address = bytes.subarray(start, end);
  const text = kind === 1 ? address.join(".") : kind === 4 ? formatV6(address) : address.toString("latin1");
  return { length: end + 2, command, host: { text, isName: kind === 3 }, port: bytes.readUInt16BE(end) };
}

/** All eight groups; the host parser makes it canonical. */
function formatV6(address: Buffer): string {
  return Array.from({ length: 8 }, (_, index) => address.readUInt16BE(2 * index).toString(16)).join(":");
}

/** The authority that the host parser is to judge. */
export function authorityText(
  { text, isName }: { readonly text: string; readonly isName: boolean },
  port: number,
): string {
  // A name that holds colons or brackets is left as it is: as an authority it is malformed.
  return !isName && isIP(text) === 6 ? `[${text}]:${port}` : `${text}:${port}`;
}
