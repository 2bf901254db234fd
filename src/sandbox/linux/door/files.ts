/** What a program with a door finds in /etc: names come from these files and from the door, and from nowhere else. */
export const doorFiles = {
  hosts: "127.0.0.1 localhost\n",
  "nsswitch.conf": [
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
  ].join("\n"),
  "resolv.conf": "nameserver 127.0.0.1\n",
} as const;
