import { spawnSync } from "node:child_process";
import { describe, expect, it } from "vitest";
import type { SeccompArch } from "../../../../src/sandbox/linux/seccomp/index.ts";
import { table } from "./profile.ts";

/** Compiles a list of expressions away and returns their values; null when the compiler or a header is missing. */
function preprocess(
  headers: readonly string[],
  names: readonly string[],
  defines: readonly string[] = [],
): Map<string, number> | null {
  const source = [
    ...headers.map((header) => `#include <${header}>`),
    ...names.map((name) => `#ifdef ${name}\n@ "${name.replace(/^__NR_/, "")}" ${name}\n#endif`),
  ].join("\n");
  const result = spawnSync("gcc", ["-E", "-P", ...defines.map((name) => `-D${name}`), "-x", "c", "-"], {
    input: source,
    encoding: "utf8",
  });
  if (result.status !== 0) return null;
  const found = [...result.stdout.matchAll(/^@ "(\w+)" \(?(0x[0-9a-f]+|\d+)\)?$/gim)];
  return new Map(found.map(([, name = "", value = ""]) => [name, octal(value)]));
}

const octal = (value: string): number => (/^0[0-7]+$/.test(value) ? Number.parseInt(value, 8) : Number(value));

const sources: Record<SeccompArch, { header: string; defines: readonly string[] }> = {
  x64: { header: "asm/unistd_64.h", defines: [] },
  // What arm64 asks of the table that newer architectures share.
  arm64: {
    header: "asm-generic/unistd.h",
    defines: ["__ARCH_WANT_RENAMEAT", "__ARCH_WANT_SYS_CLONE3", "__ARCH_WANT_SET_GET_RLIMIT"],
  },
};
/** Newer than the oldest headers this is built with; the kernel test tries them. */
const tooNew = new Set(["fchmodat2", "open_tree_attr"]);

describe.each(["x64", "arm64"] as const)("numbers on %s", (arch) => {
  const { header, defines } = sources[arch];
  const found = preprocess(
    [header],
    [...table.numbers.keys()].map((name) => `__NR_${name}`),
    defines,
  );

  it.skipIf(found === null)(`are those of <${header}> (skipped without a compiler and the header)`, () => {
    const differing = [...table.numbers].filter(
      ([name, byArch]) => found?.get(name) !== byArch.get(arch) && !(tooNew.has(name) && !found?.has(name)),
    );
    expect(differing.map(([name]) => name)).toEqual([]);
  });
});

describe("constants", () => {
  const headers = [
    "sys/socket.h",
    "linux/sched.h",
    "asm/ioctls.h",
    "sys/stat.h",
    "asm/fcntl.h",
    "linux/netlink.h",
    "linux/personality.h",
  ];
  const found = preprocess(headers, [...table.constants.keys()]);
  /** Enumerated in the headers, where the preprocessor cannot see their values, or words of our own. */
  const elsewhere = /^(SOCK_.*|PRIO_PROCESS|SELF|FIRST_PROCESS|PERSONALITY_QUERY|PER_LINUX|ADDR_NO_RANDOMIZE)$/;

  it.skipIf(found === null)("are those of the kernel's headers (skipped without a compiler and the headers)", () => {
    const differing = [...table.constants].filter(
      ([name, value]) => !elsewhere.test(name) && found?.get(name) !== value,
    );
    expect(differing.map(([name]) => name)).toEqual([]);
  });
});
