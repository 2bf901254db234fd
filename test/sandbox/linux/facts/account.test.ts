import { describe, expect, it } from "vitest";
import { SandboxedError } from "../../../../src/policy/index.ts";
import { readAccount } from "../../../../src/sandbox/linux/facts/account.ts";
import { memoryDisk } from "./memory-disk.ts";

const passwd =
  "root:x:0:0:root:/root:/bin/bash\nann:x:1000:1000::/home/ann:/bin/sh\nbad line\nnone:x:1001:1001::/:/bin/sh\n";
const disk = memoryDisk({
  "/etc/passwd": passwd,
  "/home/ann": null,
  "/link": { link: "/home/ann" },
  "/loop": { link: "/loop" },
});

/** The code of the refusal, null when there is none. */
function refusal(act: () => unknown): string | null {
  try {
    act();
    return null;
  } catch (error) {
    return error instanceof SandboxedError ? error.code : "another error";
  }
}

describe("the account", () => {
  const cases: readonly (readonly [name: string, uid: number, home: string | undefined, expected: object])[] = [
    ["HOME when absolute", 1000, "/srv/h", { name: "ann", home: "/srv/h", otherHomes: ["/home/ann"] }],
    ["HOME through a link", 1000, "/link", { name: "ann", home: "/home/ann", otherHomes: [] }],
    ["a relative HOME does not count", 1000, "h", { name: "ann", home: "/home/ann", otherHomes: [] }],
    ["no HOME", 1000, undefined, { name: "ann", home: "/home/ann", otherHomes: [] }],
    ["an account without an entry", 4242, undefined, { name: "user4242", home: "/home/user4242", otherHomes: [] }],
    [
      "an account without an entry, and HOME=/",
      4242,
      "/",
      { name: "user4242", home: "/home/user4242", otherHomes: [] },
    ],
    ["an entry whose home is /", 1001, "/", { name: "none", home: "/home/none", otherHomes: [] }],
  ];
  it.each(cases)("%s", (_, uid, home, expected) => {
    const environment = new Map(home === undefined ? [] : [["HOME", home] as const]);
    expect(readAccount({ uid, gid: uid }, environment, disk)).toMatchObject(expected);
  });

  it("refuses a home that cannot be resolved", () => {
    expect(refusal(() => readAccount({ uid: 1000, gid: 1000 }, new Map([["HOME", "/loop"]]), disk))).toBe(
      "setup_failed",
    );
  });
});
