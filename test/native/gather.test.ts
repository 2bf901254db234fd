import { chmodSync, existsSync, mkdirSync, mkdtempSync, readFileSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { everybody, remove, run, workFolder } from "./launch.ts";
import type { Outcome, Words } from "./launch.ts";

describe.each(everybody)("a folder of which some entries are gathered, started by $name", (who) => {
  let work = "";
  let folder = "";
  const at = (name: string): string => join(folder, name);
  beforeEach(() => {
    work = workFolder(who);
    folder = mkdtempSync("/var/tmp/native-gather-");
    chmodSync(folder, 0o755);
    for (const name of ["shown", "secret"]) writeFileSync(at(name), `${name}\n`, { mode: 0o666 });
    mkdirSync(at("whole"));
    writeFileSync(at("whole/inner"), "inner\n");
    mkdirSync(at("half"));
    for (const name of ["half/shown", "half/secret"]) writeFileSync(at(name), `${name}\n`);
  });
  afterEach(() => [work, folder].forEach(remove));

  const gathered = (): Words[] => [
    ["gather", folder],
    ["gathered", "show", at("shown")],
    ["gathered", "show", at("whole")],
    ["gathered", "folder", at("half")],
    ["gathered", "show", at("half/shown")],
    ["gathered", "link", at("link"), "shown"],
  ];
  const go = (script: string, init: readonly Words[] = gathered()): Promise<Outcome> =>
    run({ who, work, run: script, mounts: [`--ro-bind ${folder} ${folder}`], init });
  const list = (): string => `cd ${folder} && find . | sort | tr '\n' ' '; cat shown whole/inner half/shown link`;

  it("holds these alone, as the host has them", async () => {
    const umask = process.umask(0o077);
    try {
      expect((await go(list())).out).toBe(
        ". ./half ./half/shown ./link ./shown ./whole ./whole/inner shown\ninner\nhalf/shown\nshown\n",
      );
    } finally {
      process.umask(umask);
    }
  });

  it("twin: shows everything where nothing is gathered", async () => {
    expect((await go(`cat ${at("secret")} ${at("half/secret")}`, [])).out).toBe("secret\nhalf/secret\n");
  });

  it("leaves no way to the rest", async () => {
    const { out } = await go(
      `cat ${at("secret")}; umount ${folder}; umount -l ${folder}; cat ${at("secret")}; cd ${at("whole")}/.. && cat secret; ` +
        `unshare -Ur sh -c 'umount -l ${folder}; umount -l ${at("shown")}; cat ${at("secret")}'; grep -c ' ${folder} ' /proc/self/mountinfo`,
    );
    expect(out).toBe("1\n");
  });

  // Landlock is the second layer: the mounts hold by themselves.
  it.each([
    { layers: "mounts and Landlock", more: [] },
    { layers: "mounts alone", more: [["landlock", "no"]] },
  ])("is changed by nobody, by $layers: neither the folder nor what stands in it", async ({ more }) => {
    const { out } = await go(
      [
        `touch ${at("new")}`,
        `echo x >${at("shown")}`,
        `touch ${at("half/new")}`,
        `rm ${at("link")}`,
        `touch ${at("whole/new")}`,
      ]
        .map((act) => `(${act}) 2>/dev/null && echo done`)
        .join("; "),
      [...gathered(), ...more],
    );
    expect(out).toBe("");
    expect(readFileSync(at("shown"), "utf8")).toBe("shown\n");
    expect(existsSync(at("whole/new"))).toBe(false);
  });

  it.each<[what: string, init: () => Words[], says: RegExp]>([
    [
      "of what is gone",
      () => [
        ["gather", folder],
        ["gathered", "show", at("gone")],
      ],
      /^failed gather 2 .*gone/,
    ],
    [
      "of what became a symlink",
      () => (
        symlinkSync("secret", at("became")),
        [
          ["gather", folder],
          ["gathered", "show", at("became")],
        ]
      ),
      /^failed gather /,
    ],
    [
      "of a folder that is none",
      () => [
        ["gather", at("shown")],
        ["gathered", "show", `${at("shown")}/x`],
      ],
      /^failed gather 20 /,
    ],
    [
      "of what lies elsewhere",
      () => [
        ["gather", folder],
        ["gathered", "show", "/etc/passwd"],
      ],
      /^failed instructions /,
    ],
    [
      "of what only begins alike",
      () => [
        ["gather", folder],
        ["gathered", "show", `${folder}-not/x`],
      ],
      /^failed instructions /,
    ],
    ["of no folder", () => [["gathered", "show", at("shown")]], /^failed instructions /],
    [
      "of two folders",
      () => [
        ["gather", folder],
        ["gather", work],
      ],
      /^failed instructions /,
    ],
  ])("nothing starts %s", async (_, init, says) => {
    const { lines, out } = await go("echo ran", init());
    expect(out).toBe("");
    expect(lines.at(-1)).toMatch(says);
  });
});
