import { connect, type Socket } from "node:net";
import type { CheckedAddress } from "../decide/gate.ts";

export interface DialFailure {
  readonly failed: "connect_failed" | "connect_timed_out" | "certificate_untrusted";
  /** For a person: no more than the system's word for it. */
  readonly message: string;
}

export type Dialled = Socket | DialFailure;

export function isFailure(dialled: Dialled): dialled is DialFailure {
  return "failed" in dialled;
}

/** Connects to exactly these addresses, one after the other, all of them within `time` milliseconds. */
export async function dial(addresses: readonly CheckedAddress[], port: number, time: number): Promise<Dialled> {
  const end = Date.now() + time;
  let last: Dialled = { failed: "connect_failed", message: "no address to connect to" };
  for (const [index, { address, family }] of addresses.entries()) {
    const left = Math.max(1, end - Date.now());
    last = await attempt({ host: address, family, port }, left / (addresses.length - index));
    if (!isFailure(last)) return last;
  }
  return last;
}

/** One connection. A host that is a name is looked up by the system: for the broker's own proxies alone. */
export function attempt(
  { host, port, family }: { readonly host: string; readonly port: number; readonly family?: 4 | 6 },
  time: number,
): Promise<Dialled> {
  return new Promise((resolve) => {
    const socket = connect({ host, port, noDelay: true, allowHalfOpen: true, ...(family && { family }) });
    const timer = setTimeout(() => {
      resolve({ failed: "connect_timed_out", message: "the connection was not answered in time" });
      socket.destroy();
    }, time);
    socket.once("connect", () => {
      clearTimeout(timer);
      resolve(socket);
    });
    // Stays for good: a later failure shows as the socket's close.
    socket.on("error", (error: NodeJS.ErrnoException) => {
      clearTimeout(timer);
      resolve({
        failed: error.code === "ETIMEDOUT" ? "connect_timed_out" : "connect_failed",
        message: error.code ?? "the connection failed",
      });
    });
  });
}
