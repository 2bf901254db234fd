import { randomBytes } from "node:crypto";
import { closeSync, constants, fchmodSync, openSync, unlinkSync, writeSync } from "node:fs";
import { createServer } from "node:net";
import { join } from "node:path";
import { Secret } from "../../network/index.ts";
import type { Channel } from "../channel.ts";
import type { DoorOf } from "../grant/grant.ts";
import { SessionError } from "../error.ts";
import { Budget, defaultLimits } from "../protocol/limits.ts";
import { serveLines } from "../protocol/lines.ts";
import { Turns } from "../protocol/turns.ts";
import type { Caller } from "../protocol/service.ts";
import { controlCaller } from "./methods.ts";
import { controlNames, reachableSocket } from "./place.ts";

export interface ControlOptions {
  readonly channel: Channel;
  /** The session's, in the tool's state: no sandbox sees it. */
  readonly folder: string;
  readonly door: DoorOf;
  /** Ends the run. */
  readonly cancel: () => void;
}

/**
 * Lets the session's owner come in from outside: a socket that nobody else may connect to, and a key beside it for
 * sandboxes that cannot be kept from connecting, yet cannot read.
 */
export function openControl({ channel, folder, door, cancel }: ControlOptions): { readonly close: () => void } {
  const key = randomBytes(32).toString("base64url");
  const { O_WRONLY, O_CREAT, O_EXCL, O_NOFOLLOW } = constants;
  const file = openSync(join(folder, controlNames.key), O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW, 0o600);
  try {
    writeSync(file, key);
    fchmodSync(file, 0o600);
  } finally {
    closeSync(file);
  }
  const caller = controlCaller(channel, door, cancel);
  const secret = new Secret(key);
  const service = {
    limits: defaultLimits,
    budget: new Budget(defaultLimits.pendingBytes),
    answered: new Budget(defaultLimits.answeredBytes),
    turns: new Turns(),
    authenticate: (given: string): Caller => {
      if (secret.isPassword(Buffer.from(given))) return caller;
      throw new SessionError("unauthenticated", "this is not the key of the session");
    },
    turnedAway: (_: unknown, reason: string) => channel.turnedAway("control", reason),
  };
  const sockets = new Set<{ destroy(): void }>();
  const server = createServer({ allowHalfOpen: true }, (socket) => {
    sockets.add(socket);
    socket.on("error", () => {});
    socket.once("close", () => sockets.delete(socket));
    serveLines(service, socket, Buffer.alloc(0));
  });
  server.on("error", () => {}); // then nobody comes in, and nothing else is lost
  const place = reachableSocket(folder);
  server.listen({ path: place.path, readableAll: false, writableAll: false }, () => place.release());
  server.once("error", () => place.release());
  server.unref();
  return {
    close: () => {
      server.close();
      for (const socket of sockets) socket.destroy();
      for (const name of Object.values(controlNames)) remove(join(folder, name));
    },
  };
}

function remove(path: string): void {
  try {
    unlinkSync(path);
  } catch {
    // gone already
  }
}
