import { mkdtempSync, realpathSync, rmSync, symlinkSync } from "node:fs";
import { createServer } from "node:net";
import type { Server } from "node:net";
import { tmpdir } from "node:os";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { openDisk } from "../../../../src/sandbox/linux/facts/index.ts";
import { boundNames, boundSockets } from "../../../../src/sandbox/linux/facts/sockets.ts";

const head = "Num       RefCount Protocol Flags    Type St Inode Path\n";
const row = (path: string) =>
  `00000000bd1b00e0: 00000002 00000000 00010000 0001 01  1062${path === "" ? "" : ` ${path}`}\n`;

describe("names in the kernel's table", () => {
  const cases: readonly (readonly [name: string, table: string, expected: readonly string[]])[] = [
    ["a path", row("/run/x.sock"), ["/run/x.sock"]],
    ["no name", row("") + row("/a"), ["/a"]],
    ["an abstract name", row("@/tmp/.X11-unix/X0"), []],
    ["a relative name is for the scan", row("x.sock"), []],
    ["blanks", row("/a b/ c"), ["/a b/ c"]],
    ["a line break within", row("/a\nb") + row("/c"), ["/a\nb", "/c"]],
    ["a line break within an abstract name", row("@a\n/etc/passwd") + row("/c"), ["/c"]],
    ["one name of many sockets", row("/a") + row("/a"), ["/a"]],
    ["nothing", "", []],
  ];
  it.each(cases)("%s", (_, rows, expected) => {
    expect([...boundNames(head + rows)].filter((name) => !name.endsWith("\n"))).toEqual(expected);
  });
});

describe("sockets of this machine", () => {
  const root = realpathSync(mkdtempSync(`${tmpdir()}/sockets-`));
  const servers: Server[] = [];
  const names = ["plain", "with\nbreak", "ends\n", "ü 1"];

  beforeAll(async () => {
    symlinkSync(root, `${root}-link`);
    for (const path of [...names.map((name) => `${root}/${name}`), `${root}-link/linked`]) {
      const server = createServer().listen(path);
      await new Promise((resolve) => server.once("listening", resolve));
      servers.push(server);
    }
  });
  afterAll(() => {
    for (const server of servers) server.close();
    rmSync(root, { recursive: true, force: true });
    rmSync(`${root}-link`, { force: true });
  });

  it("are found under their canonical names while they exist", () => {
    const found = boundSockets(openDisk()).filter((path) => path.startsWith(`${root}/`));
    expect(found).toEqual([...names, "linked"].map((name) => `${root}/${name}`).toSorted());
    rmSync(`${root}/plain`);
    expect(boundSockets(openDisk())).not.toContain(`${root}/plain`);
  });
});
