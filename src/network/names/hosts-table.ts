import { parseHost } from "../../policy/index.ts";
import { canonicalAddress } from "./private-ranges.ts";

/** Canonical names with their addresses, as `/etc/hosts` gives them. */
export type HostsTable = ReadonlyMap<string, readonly string[]>;

/** Reads the text of a hosts file; lines that make no sense are passed over, as resolvers do. */
export function parseHosts(text: string): HostsTable {
  const table = new Map<string, string[]>();
  for (const line of text.split("\n")) {
    const [written = "", ...names] = (line.split("#", 1)[0] ?? "").trim().split(/\s+/);
    const address = canonicalAddress(written);
    if (address === null) continue;
    for (const name of names) {
      const host = parseHost(name);
      if (host?.kind !== "name") continue;
      const addresses = table.get(host.name) ?? [];
      if (!addresses.includes(address)) addresses.push(address);
      table.set(host.name, addresses);
    }
  }
  return table;
}
