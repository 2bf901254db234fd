import { connect, type SecureContext } from "node:tls";
import type { Socket } from "node:net";
import type { Target } from "../decide/gate.ts";
import { isFailure, type Dialled } from "../upstream/dial.ts";
import type { Way } from "../upstream/way.ts";

/**
 * The same way with TLS to the target at its end, its certificate verified against `context` for exactly the target.
 * `time` is for the handshake, in milliseconds.
 */
export function secureWay(way: Way, target: Target, context: SecureContext, time: number): Way {
  return {
    key: `tls ${way.key}`,
    absolute: null,
    async open() {
      const dialled = await way.open();
      return isFailure(dialled) ? dialled : secure(dialled, target, context, time);
    },
  };
}

function secure(socket: Socket, target: Target, secureContext: SecureContext, time: number): Promise<Dialled> {
  return new Promise((resolve) => {
    const secured = connect({
      socket,
      secureContext,
      host: target.host,
      ...(!target.isAddress && { servername: target.host }),
      ALPNProtocols: ["http/1.1"],
      minVersion: "TLSv1.2",
      // Said aloud: a variable of the environment can turn the default off.
      rejectUnauthorized: true,
    });
    const timer = setTimeout(() => {
      resolve({ failed: "connect_timed_out", message: "the TLS handshake took too long" });
      secured.destroy();
    }, time);
    secured.once("secureConnect", () => {
      clearTimeout(timer);
      resolve(secured);
    });
    const fail = (): void => {
      clearTimeout(timer);
      // Node's types say Error; it is the code of the failed check.
      const problem: unknown = secured.authorizationError;
      resolve(
        typeof problem === "string"
          ? { failed: "certificate_untrusted", message: `its certificate is not accepted (${problem})` }
          : { failed: "connect_failed", message: "TLS with it failed" },
      );
      secured.destroy();
    };
    // Stays for good: a later failure shows as the socket's close.
    secured.on("error", fail);
    secured.once("close", fail);
  });
}
