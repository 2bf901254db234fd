import { it } from "vitest";

/** Something that protects, and how it is switched off. */
interface Mutant<Off> {
  readonly off: Off;
  /** Another layer that still stops the attack when this one is off; with both off it succeeds. */
  readonly redundant?: { readonly heldBy: string; readonly off: Off };
}

/** The tests of one protection: each layer is missed exactly when nothing else stands behind it. */
export function tryWithout<Off>(
  mutant: Mutant<Off>,
  play: (offs: readonly Off[], succeeds: boolean) => Promise<void>,
): void {
  it("stops the attack", () => play([], false));

  if (mutant.redundant === undefined) {
    it("is missed when it is off", () => play([mutant.off], true));
  } else {
    const { heldBy, off } = mutant.redundant;
    it(`is not missed when it is off: ${heldBy} holds`, () => play([mutant.off], false));
    it(`holds alone when ${heldBy} is off`, () => play([off], false));
    it(`is missed when ${heldBy} is off as well`, () => play([mutant.off, off], true));
  }
}
