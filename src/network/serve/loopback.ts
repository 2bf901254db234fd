import { SandboxedError } from "../../policy/index.ts";
import { listenOnLoopback } from "./own-listener.ts";
import { openBehindPolicy } from "./run.ts";
import type { ServedDoor, ServeOptions } from "./run.ts";

export interface LoopbackOptions extends ServeOptions {
  /** The run's own, 16 to 255 characters that can stand in an address. Whoever shows it is taken for the run. */
  readonly secret: string;
}

export interface LoopbackDoor extends ServedDoor {
  readonly port: number;
  /** For `HTTP_PROXY` and its like, the secret in it. With `socks5h:` in front it is one for `ALL_PROXY`. */
  readonly url: string;
}

/**
 * The door of a run that has no network of its own: on a free port of the host's loopback, where anybody on the machine
 * and any web page in a browser can knock. Each protocol of the proxy demands the secret, `Basic` with any user or
 * SOCKS's user and password; the session's demands its own tokens. There is nothing transparent and no DNS: what the
 * program does past the proxy, its sandbox has to prevent. Errors: `setup_failed`.
 */
export async function serveLoopback({ secret, ...options }: LoopbackOptions): Promise<LoopbackDoor> {
  if (!/^[A-Za-z0-9._~-]{16,255}$/.test(secret)) {
    throw new SandboxedError(
      "setup_failed",
      "the secret of a door on the loopback is too short, or stands in no address",
      {
        hint: "take 32 random bytes in hexadecimal",
      },
    );
  }
  const { server, port } = await listenOnLoopback();
  try {
    const { door, served } = openBehindPolicy(options, secret);
    door.serve(server, "proxy");
    return { ...served, port, url: `http://run:${secret}@127.0.0.1:${port}` };
  } catch (error) {
    server.close();
    throw error;
  }
}
