import { isIP, type Socket } from "node:net";
import { gather } from "../carry/gather.ts";
import type { Target } from "../decide/gate.ts";
import { authorityOf } from "../decide/refusal.ts";
import { attempt, type Dialled, isFailure } from "./dial.ts";
import type { UpstreamProxy } from "./environment.ts";

/** A connection to the proxy itself, inside TLS where it asks for that. */
export async function reachProxy(proxy: UpstreamProxy, time: number): Promise<Dialled> {
  const socket = await attempt(proxy, time);
  if (isFailure(socket) || proxy.kind !== "https") return socket;
  const { connect } = await import("node:tls");
  return new Promise((resolve) => {
    const fail = (): void => {
      resolve({ failed: "connect_failed", message: "TLS with the upstream proxy failed" });
      secured.destroy();
    };
    const timer = setTimeout(fail, time);
    const servername = isIP(proxy.host) === 0 ? proxy.host : "";
    const secured = connect({ socket, host: proxy.host, servername }, () => {
      clearTimeout(timer);
      resolve(secured);
    });
    // Stays for good: a later failure shows as the socket's close.
    secured.on("error", () => {
      clearTimeout(timer);
      fail();
    });
  });
}

/** A connection through the proxy to the target; the name, where it is one, is looked up by the proxy. */
export async function tunnelThrough(proxy: UpstreamProxy, target: Target, time: number): Promise<Dialled> {
  const socket = await reachProxy(proxy, time);
  if (isFailure(socket)) return socket;
  const problem =
    proxy.kind === "socks5" ? await askSocks(socket, proxy, target, time) : await askHttp(socket, proxy, target, time);
  if (problem === null) return socket;
  socket.destroy();
  return { failed: "connect_failed", message: `the upstream proxy ${problem}` };
}

/** The value of `Proxy-Authorization` towards the proxy, null without credentials. */
export function authorizationFor({ user, password }: UpstreamProxy): string | null {
  return user === null ? null : `Basic ${Buffer.from(`${user}:${password}`).toString("base64")}`;
}

async function askHttp(socket: Socket, proxy: UpstreamProxy, target: Target, time: number): Promise<string | null> {
  const authority = authorityOf(target);
  const authorization = authorizationFor(proxy);
  const credentials = authorization === null ? "" : `Proxy-Authorization: ${authorization}\r\n`;
  socket.write(`CONNECT ${authority} HTTP/1.1\r\nHost: ${authority}\r\n${credentials}\r\n`);
  const answer = await gather(socket, Buffer.alloc(0), { bytes: 16_384, firstByteTime: time, time }, (bytes) => {
    const end = bytes.indexOf("\r\n\r\n");
    return end === -1 ? undefined : end + 4;
  });
  if (answer.outcome !== "found") return "did not answer";
  const status = /^HTTP\/1\.[01] (\d{3})/.exec(answer.bytes.toString("latin1"))?.[1];
  if (status === undefined || !status.startsWith("2")) return `answered ${status ?? "nonsense"}`;
  if (answer.bytes.length > answer.value) socket.unshift(answer.bytes.subarray(answer.value));
  return null;
}

/** RFC 1928 and 1929, from the client's side. */
async function askSocks(socket: Socket, proxy: UpstreamProxy, target: Target, time: number): Promise<string | null> {
  let rest: Buffer = Buffer.alloc(0);
  const receive = async (length: (bytes: Buffer) => number): Promise<Buffer | null> => {
    const answer = await gather(socket, rest, { bytes: 1024, firstByteTime: time, time }, (bytes) =>
      bytes.length >= length(bytes) ? length(bytes) : undefined,
    );
    if (answer.outcome !== "found") return null;
    rest = answer.bytes.subarray(answer.value);
    return answer.bytes;
  };
  socket.write(Buffer.from(proxy.user === null ? [5, 1, 0] : [5, 2, 0, 2]));
  const method = (await receive(() => 2))?.[1];
  if (method === 2 && proxy.user !== null) {
    const [user, password] = [Buffer.from(proxy.user), Buffer.from(proxy.password)];
    if (user.length > 255 || password.length > 255) return "cannot take credentials this long";
    socket.write(Buffer.concat([Buffer.from([1, user.length]), user, Buffer.from([password.length]), password]));
    if ((await receive(() => 2))?.[1] !== 0) return "refused the credentials";
  } else if (method !== 0) {
    return "offers no way to authenticate that can be used";
  }
  const name = Buffer.from(target.host);
  const port = Buffer.alloc(2);
  port.writeUInt16BE(target.port);
  socket.write(Buffer.concat([Buffer.from([5, 1, 0, 3, name.length]), name, port]));
  const reply = await receive((bytes) => {
    if (bytes.length < 5) return 5;
    return bytes[3] === 1 ? 10 : bytes[3] === 4 ? 22 : 7 + (bytes[4] ?? 0);
  });
  if (reply?.[1] !== 0) return `answered ${reply?.[1] ?? "nothing"}`;
  if (rest.length > 0) socket.unshift(rest);
  return null;
}
