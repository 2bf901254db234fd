import { closeSync, constants, openSync } from "node:fs";
import { join } from "node:path";

/** What an open session has in its folder besides its journal. */
export const controlNames = { socket: "control.sock", key: "control.key" } as const;

/** The kernel takes no longer names of sockets. */
const LONGEST = 100;

/** The session's socket by a path that is short enough, good until `release`. */
export function reachableSocket(folder: string): { readonly path: string; readonly release: () => void } {
  const path = join(folder, controlNames.socket);
  if (Buffer.byteLength(path) <= LONGEST || process.platform !== "linux") return { path, release: () => {} };
  const { O_RDONLY, O_DIRECTORY } = constants;
  const held = openSync(folder, O_RDONLY | O_DIRECTORY);
  let isHeld = true;
  return {
    path: `/proc/self/fd/${held}/${controlNames.socket}`,
    release: () => {
      if (isHeld) closeSync(held);
      isHeld = false;
    },
  };
}
