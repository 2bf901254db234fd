import { closeSync, openSync, readFileSync } from "node:fs";
import { mountTable } from "../facts/index.ts";
import { asQuestion, isSurely } from "../launch/index.ts";

/**
 * Reads the table before the launch, since reading waits for whoever mounts. What it returns says, to be asked once,
 * whether the table was `then` and has not changed since; false where that is not known.
 */
export function compareMountTable(then: string): () => boolean {
  let table: number;
  try {
    table = openSync(mountTable, "r");
  } catch {
    return () => false;
  }
  const wasSame = attemptToRead(table) === then;
  return () => {
    try {
      return wasSame && isSurely(asQuestion("w", String(table)));
    } finally {
      closeSync(table);
    }
  };
}

function attemptToRead(file: number): string | null {
  try {
    return readFileSync(file, "utf8");
  } catch {
    return null;
  }
}
