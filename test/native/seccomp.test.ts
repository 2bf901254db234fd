import { lstatSync, readdirSync } from "node:fs";
import { constants } from "node:os";
import { join } from "node:path";
import { afterAll, describe, expect, it } from "vitest";
import {
  type SeccompArch,
  seccompFileName,
  seccompVariants,
  writeSeccompPrograms,
} from "../../src/sandbox/linux/seccomp/index.ts";
import type { Argument, Case, Verdict } from "../sandbox/linux/seccomp/case.ts";
import { cases } from "../sandbox/linux/seccomp/cases.ts";
import { table } from "../sandbox/linux/seccomp/profile.ts";
import { accounts, attempt, type Attempt, buildProbe } from "./seccomp-probe.ts";

const arch: SeccompArch | null = process.arch === "x64" || process.arch === "arm64" ? process.arch : null;
const built = process.platform === "linux" && arch !== null ? buildProbe() : null;

describe.skipIf(built === null || arch === null)(
  "the kernel (skipped without Linux, x64 or arm64 and a C compiler)",
  () => {
    if (built === null || arch === null) return;
    const { folder, remove } = built;
    afterAll(remove);
    const filters = join(folder, "filters");
    writeSeccompPrograms(filters);

    const tried = cases.filter(
      ({ call, onPaperOnly }) => onPaperOnly === undefined && numberOf(call, arch) !== undefined,
    );
    /** TIOCSTI, plain and with garbage in the upper half of the request. */
    const typing = tried.filter(({ call, args: [, request] }) => call === "ioctl" && lowHalf(request) === 0x5412);
    const foreign: Attempt[] = [
      { name: "x32 getpid", number: 0x4000_0000 + 39, args: [] },
      { name: "i386 getpid", number: 20, args: [], kind: "i386" },
      { name: "i386 ptrace", number: 26, args: [], kind: "i386" },
      { name: "i386 mount", number: 21, args: [], kind: "i386" },
      { name: "i386 keyctl", number: 288, args: [9999], kind: "i386" },
    ];
    const attempts = [
      ...tried.map(({ name, call, args }) => ({ name, args, number: numberOf(call, arch) ?? -1 })),
      ...(arch === "x64" ? foreign : []),
    ];

    describe.each(accounts())("asked by $name", (account) => {
      const bare = attempt(built, "-", account, attempts);
      const errorOf = (name: string): number => bare.get(name)?.error ?? Number.NaN;
      const mayBeSame = ({ sameWithout }: Case): boolean =>
        sameWithout === "feature" || (sameWithout === "privilege" && !account.privileged);

      it("refuses for other reasons or not at all while there is no filter", () => {
        const same = tried.filter(
          (each) =>
            Object.values(each.verdict).some((verdict) => errnoOf(verdict) === errorOf(each.name)) && !mayBeSame(each),
        );
        expect(same.map(({ name }) => name)).toEqual([]);
      });

      it.skipIf(!account.privileged)(
        "shows for every rule that the filter makes the difference (skipped without capabilities)",
        () => {
          const idle = table.rules.filter(({ calls, answer }) =>
            tried.every(
              ({ name, call, verdict }) =>
                !calls.includes(String(call)) ||
                !Object.values(verdict).includes(answer) ||
                errnoOf(answer) === errorOf(name),
            ),
          );
          expect(idle.map(({ name }) => name)).toEqual([]);
        },
      );

      describe.each(seccompVariants)("under the filter %s", (variant) => {
        const filtered = attempt(built, join(filters, seccompFileName(arch, variant)), account, attempts);

        it("answers each call as the cases say, and as without a filter where they say nothing against it", () => {
          const wrong = tried.flatMap(({ name, verdict }) => {
            const wanted = verdict[variant] === "ALLOW" ? errorOf(name) : errnoOf(verdict[variant]);
            const got = filtered.get(name)?.error;
            return got === wanted ? [] : [`${name}: ${got} instead of ${wanted}`];
          });
          expect(wrong).toEqual([]);
        });

        it.skipIf(arch !== "x64")("knows no call of i386 or x32 (skipped on other machines)", () => {
          expect(foreign.map(({ name }) => [name, filtered.get(name)?.error])).toEqual(
            foreign.map(({ name }) => [name, constants.errno.ENOSYS]),
          );
        });

        it("leaves no file with setuid or setgid bits, though the same calls make some without it", () => {
          const calls = tried.filter(({ verdict, args }) => verdict[variant] === "EPERM" && args.some(hasSetuidBits));
          const marked = (outcomes: typeof bare): string[] =>
            calls.flatMap(({ name }) => (markedIn(outcomes.get(name)?.folder ?? "") ? [name] : []));
          expect(marked(filtered)).toEqual([]);
          expect(marked(bare).length).toBeGreaterThan(15);
        });

        it("puts nothing into the terminal, though the same calls do without it", () => {
          const typed = (outcomes: typeof bare): unknown[] => typing.map(({ name }) => outcomes.get(name)?.waiting);
          expect(typed(filtered)).toEqual([0, 0]);
          // Kernels may be told to refuse it to ordinary users themselves (dev.tty.legacy_tiocsti).
          if (account.privileged) expect(typed(bare)).toEqual([1, 1]);
        });
      });
    });

    it.skipIf(arch !== "x64")(
      "would have run an i386 call and answered x32 by itself (skipped on other machines)",
      () => {
        const [account] = accounts();
        const bare = account && attempt(built, "-", account, foreign);
        // A kernel without IA32_EMULATION kills the caller instead, which leaves nothing to compare.
        const error = bare?.get("i386 getpid")?.error;
        expect(error === 0 || Number.isNaN(error)).toBe(true);
      },
    );
  },
);

function numberOf(call: string | number, on: SeccompArch): number | undefined {
  return typeof call === "number" ? call : table.numbers.get(call)?.get(on);
}

function errnoOf(verdict: Verdict): number | null {
  return verdict === "ALLOW" ? null : constants.errno[verdict];
}

function lowHalf(argument: Argument | undefined): number | null {
  return argument === undefined || typeof argument === "string" ? null : Number(BigInt.asUintN(32, BigInt(argument)));
}

function hasSetuidBits(argument: Argument): boolean {
  return typeof argument === "number" && (argument & 0o6000) !== 0 && argument < 0o200000;
}

/** Anything in the folder with a set-user-ID or set-group-ID bit. */
function markedIn(folder: string): boolean {
  return readdirSync(folder).some((name) => (lstatSync(join(folder, name)).mode & 0o6000) !== 0);
}
