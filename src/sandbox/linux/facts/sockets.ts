import { absolutePath, normalise } from "../../../policy/index.ts";
import type { AbsolutePath } from "../../../policy/index.ts";
import type { Disk } from "./disk.ts";

const TABLE = absolutePath("/proc/net/unix");
const LARGEST_TABLE = 64 * 1024 * 1024;
const ROW = /^[0-9a-f]+: [0-9A-F]+ [0-9A-F]+ [0-9A-F]+ [0-9A-F]+ [0-9A-F]+ +\d+(?: (.*))?$/;

/**
 * The pathname sockets that are bound in this network namespace and still exist, canonical. Those of other namespaces
 * and those bound under a relative name are for the scan of the writable roots to find.
 */
export function boundSockets(
  disk: Disk,
  table: string | null = disk.text(TABLE, LARGEST_TABLE),
): readonly AbsolutePath[] {
  const sockets = new Set<AbsolutePath>();
  for (const name of boundNames(table ?? "")) {
    const path = normalise(name);
    const real = path === null ? null : disk.canonical(path);
    if (real !== null && !sockets.has(real) && disk.look(real).kind === "socket") sockets.add(real);
  }
  return [...sockets].toSorted();
}

/** The kernel writes names as they are: one with a line break goes on in the next line. `@` begins abstract names. */
export function boundNames(table: string): ReadonlySet<string> {
  // Most containers hold none that has a path.
  if (!table.includes(" /")) return new Set();
  const names: string[] = [];
  let inside = false;
  for (const line of table.split("\n").slice(1)) {
    const row = ROW.exec(line);
    if (row === null) {
      if (inside && names.length > 0) names[names.length - 1] += `\n${line}`;
      continue;
    }
    const name = row[1];
    inside = name?.startsWith("/") === true;
    if (inside && name !== undefined) names.push(name);
  }
  // The table ends with a line break, which is not part of the last name.
  return new Set(names.flatMap((name) => (name.endsWith("\n") ? [name, name.slice(0, -1)] : [name])));
}
