/** One option of a command: parsing, `--help`, the documentation and completion are all made from this. */
export interface Option<Id extends string = string> {
  /** What the program calls it. */
  readonly id: Id;
  /** Without dashes; null when there is only the short form. */
  readonly long: string | null;
  readonly short: string | null;
  /** What follows it, in capitals; null for a switch. */
  readonly argument: string | null;
  readonly help: string;
  /** As typed, for the documentation. */
  readonly example: string;
  /** The only values allowed. */
  readonly choices?: readonly string[];
  /** What completion offers. */
  readonly completes?: "file" | "directory" | "profile";
}

/** `-r/--read PATH`, as messages call it. */
export function optionName({ long, short }: Option): string {
  return [short === null ? "" : `-${short}`, long === null ? "" : `--${long}`].filter((name) => name !== "").join("/");
}
