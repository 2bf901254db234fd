import type { Server } from "node:net";

/**
 * The same server, whose listener may have been made by another process, as one that never makes Node wait: out of
 * descriptors, Node accepts until nobody is left to be turned away, and on a socket that blocks that stops everything,
 * the clock of the run included.
 */
export function unblocked(server: Server): Server {
  const handle: unknown = Reflect.get(server, "_handle");
  if (typeof handle !== "object" || handle === null) return server;
  const setBlocking: unknown = Reflect.get(handle, "setBlocking");
  if (typeof setBlocking === "function") Reflect.apply(setBlocking, handle, [false]);
  return server;
}
