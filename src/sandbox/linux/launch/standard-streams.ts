import { closeSync, fstatSync, openSync } from "node:fs";
import type { Stream } from "../../request.ts";

/**
 * Puts /dev/null where a host has closed one of its standard streams, as Node does when it starts: else the next file
 * that is opened for a run comes to stand there, and a program that inherits the stream has it. Call it before.
 */
export function fillStandardStreams(): void {
  let fd = openSync("/dev/null", "r+");
  while (fd <= STANDARD_ERROR) fd = openSync("/dev/null", "r+");
  closeSync(fd);
}

/** Likewise for what is handed on by its number. Errors: what the system says. */
export function requireOpen(streams: readonly Stream[]): void {
  for (const stream of streams) if (typeof stream === "number") fstatSync(stream);
}

const STANDARD_ERROR = 2;
