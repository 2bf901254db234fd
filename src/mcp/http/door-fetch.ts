import { request as plainRequest } from "node:http";
import type { ClientRequest, IncomingMessage } from "node:http";
import { request as secureRequest } from "node:https";
import { isIP } from "node:net";
import { Readable } from "node:stream";
import { codeOf, escapeText, SandboxedError } from "../../policy/index.ts";
import { parseAuthority } from "../../network/index.ts";
import { isUnreached } from "../unheard.ts";
import type { CheckedAddress, Gate, Passage, Refusal, Target } from "../../network/index.ts";

export type DoorFetch = (url: string | URL, init?: RequestInit) => Promise<Response>;

/** `fetch` by the rules of the door. */
export interface OpenFetch {
  /**
   * The gate decides on the name, resolves it and checks each address; the checked address is dialled, never looked up
   * again. Follows no redirect. Errors: `mcp_server` for what may not be reached.
   */
  readonly fetch: DoorFetch;
  /** Why the gate lets nobody reach it; null when it does. */
  readonly refusalOf: (url: URL) => Promise<Refusal | null>;
  /** The policy behind the gate has changed: what it does not allow any more ends now. */
  readonly review: () => void;
  /** Ends what is open, and refuses what comes, with `why`. */
  readonly close: (why: SandboxedError) => void;
}

export function openFetch(gate: Gate): OpenFetch {
  const open = new Map<ClientRequest, Passage>();
  let closed: SandboxedError | null = null;

  /** Nothing has been waited for between this and the connection. */
  const requireAllowed = (passage: Passage): void => {
    if (closed !== null) throw closed;
    if (!gate.stillAllowed(passage)) throw noLonger(passage);
  };
  const fetch: DoorFetch = async (given, init = {}) => {
    if (closed !== null) throw closed;
    // A Request knows how every form of headers and body is sent.
    const asked = new Request(given, { ...init, ...(init.body != null && { duplex: "half" }) });
    const url = new URL(asked.url);
    const target = destinationOf(url);
    const admitted = await gate.admit(target, "fetch");
    if (!admitted.ok) throw refused(admitted.refusal.message);
    const passage = admitted.value;
    const allowed = gate.request(passage, asked.method, url.pathname + url.search);
    if (!allowed.ok) throw refused(allowed.refusal.message);
    const located = await gate.locate(passage, "fetch");
    if (!located.ok) throw refused(located.refusal.message);
    const body = asked.body === null ? null : Buffer.from(await asked.arrayBuffer());
    let last: unknown = new Error("no address");
    for (const address of located.value) {
      requireAllowed(passage);
      try {
        // oxlint-disable-next-line no-await-in-loop -- one address after the other
        return await send({ url, target, address, asked, body, signal: init.signal ?? null }, (outgoing) => {
          open.set(outgoing, passage);
          outgoing.once("close", () => open.delete(outgoing));
        });
      } catch (error) {
        if (!isUnreached(error)) throw error;
        last = error;
      }
    }
    const code = codeOf(last) ?? "the connection failed";
    throw new SandboxedError("mcp_server", `${target.host}:${target.port} could not be reached: ${code}`, {
      cause: last,
    });
  };
  return {
    fetch,
    async refusalOf(url) {
      const admitted = await gate.admit(destinationOf(url), "fetch");
      return admitted.ok ? null : admitted.refusal;
    },
    review() {
      for (const [outgoing, passage] of open) if (!gate.stillAllowed(passage)) outgoing.destroy(noLonger(passage));
    },
    close(why) {
      closed = why;
      for (const outgoing of open.keys()) outgoing.destroy(why);
    },
  };
}

function noLonger({ target }: Passage): SandboxedError {
  return refused(`${target.host}:${target.port} may not be reached any more`);
}

function destinationOf(url: URL): Target {
  const port = url.protocol === "https:" ? 443 : 80;
  const parsed =
    url.protocol === "http:" || url.protocol === "https:" ? parseAuthority(url.host, port) : { ok: false as const };
  if (!parsed.ok) throw refused(`${escapeText(url.origin)} is no destination`);
  return parsed.value;
}

function refused(message: string): SandboxedError {
  return new SandboxedError("mcp_server", message, {
    hint: "an MCP server's own address is allowed by its entry; what else it sends you to needs a rule of its own",
  });
}

const CONNECT_MS = 10_000;

/** Statuses whose responses have no body (Fetch standard, "null body status"). */
const bodiless = new Set([101, 204, 205, 304]);

interface Sending {
  readonly url: URL;
  readonly target: Target;
  readonly address: CheckedAddress;
  readonly asked: Request;
  readonly body: Buffer | null;
  readonly signal: AbortSignal | null;
}

function send(
  { url, target, address, asked, body, signal }: Sending,
  onOpen: (outgoing: ClientRequest) => void,
): Promise<Response> {
  return new Promise((resolve, reject) => {
    const options = {
      host: address.address,
      family: address.family,
      port: target.port,
      method: asked.method,
      path: url.pathname + url.search,
      headers: { ...Object.fromEntries(asked.headers), host: url.host, ...(body && { "content-length": body.length }) },
      ...(signal !== null && { signal }),
    };
    const outgoing: ClientRequest =
      url.protocol === "https:"
        ? secureRequest({ ...options, ...(isIP(target.host) === 0 && { servername: target.host }) })
        : plainRequest(options);
    onOpen(outgoing);
    outgoing.once("socket", (socket) => {
      if (!socket.connecting) return;
      const timer = setTimeout(() => socket.destroy(new Error("the connection was not answered in time")), CONNECT_MS);
      socket.once("connect", () => clearTimeout(timer));
      socket.once("close", () => clearTimeout(timer));
    });
    outgoing.once("error", reject);
    outgoing.once("response", (incoming) => resolve(responseOf(incoming)));
    outgoing.end(body ?? undefined);
  });
}

function responseOf(incoming: IncomingMessage): Response {
  const status = incoming.statusCode ?? 502;
  const headers = new Headers();
  for (let at = 0; at + 1 < incoming.rawHeaders.length; at += 2) {
    headers.append(incoming.rawHeaders[at] ?? "", incoming.rawHeaders[at + 1] ?? "");
  }
  if (bodiless.has(status)) {
    incoming.resume();
    return new Response(null, { status: status === 101 ? 502 : status, headers });
  }
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- the same web stream, under Node's name for its type
  return new Response(Readable.toWeb(incoming) as ReadableStream, { status, headers });
}
