import type { Answer, SeccompVariant } from "../../../../src/sandbox/linux/seccomp/index.ts";

/** A number, a path, or `@tty`, `@file` (descriptors) and `@memory` (an address). */
export type Argument = number | bigint | string;
export type Verdict = Answer | "ALLOW";

/**
 * What the filter must say to one call, written without looking at the table. Arguments are chosen so that the bare
 * kernel either does something harmless or names another error than the filter.
 */
export interface Case {
  readonly name: string;
  /** A call by its name, or a number that belongs to no call the table knows. */
  readonly call: string | number;
  readonly args: readonly Argument[];
  readonly verdict: Readonly<Record<SeccompVariant, Verdict>>;
  /** Why the bare kernel may give the same error: it asks for privileges, or was built without the feature. */
  readonly sameWithout?: "privilege" | "feature";
  /** Not for the real kernel, with the reason. */
  readonly onPaperOnly?: string;
}

export type Options = Pick<Case, "sameWithout" | "onPaperOnly">;
export type Row = readonly [call: string | number, args: readonly Argument[], options?: Options];

/** Cases for calls that get one answer inside namespaces, whatever the network, and others without. */
export function rows(
  verdicts: readonly [boxed: Verdict, landlock: Verdict, landlockNetwork: Verdict],
  list: readonly Row[],
): Case[] {
  const [boxed, landlock, network] = verdicts;
  const verdict = { namespaced: boxed, "shared-network": boxed, landlock, "landlock-network": network };
  return list.map(([call, args, options]) => ({
    name: `${call}(${args.join(", ")})`,
    call,
    args,
    verdict,
    ...options,
  }));
}

export const everywhere = (verdict: Verdict, list: readonly Row[]): Case[] => rows([verdict, verdict, verdict], list);
export const withoutNamespaces = (verdict: Verdict, list: readonly Row[]): Case[] =>
  rows(["ALLOW", verdict, verdict], list);
