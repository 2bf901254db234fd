/** What a program with a door finds in /etc: names come from these files and from the door, and from nowhere else. */
export const doorFileNames = ["hosts", "nsswitch.conf", "resolv.conf"] as const;

/** `hostname` is the machine's: programs look up their own. */
export function doorFiles(hostname: string): Readonly<Record<(typeof doorFileNames)[number], string>> {
  const own = /^[A-Za-z0-9-]{1,63}(\.[A-Za-z0-9-]{1,63})*$/.test(hostname) ? ` ${hostname}` : "";
  return { hosts: `127.0.0.1 localhost${own}\n`, "nsswitch.conf": switches, "resolv.conf": "nameserver 127.0.0.1\n" };
}

const switches = [
  "passwd: files",
  "group: files",
  "shadow: files",
  "hosts: files dns",
  "networks: files",
  "protocols: files",
  "services: files",
  "ethers: files",
  "rpc: files",
  "",
].join("\n");
