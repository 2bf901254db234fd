#!/usr/bin/env node
/**
 * The quick start: runs `run.cjs` with what V8 had made of it when the tool was built. V8 takes that for the text,
 * version and flags alone that it was made with, and compiles otherwise. Nothing writes it after the build, so that it
 * is what the file beside it is: https://nodejs.org/api/vm.html#scriptcreatecacheddata
 */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { Script } from "node:vm";

type Start = (require: NodeJS.Require, dirname: string, filename: string) => void;

const filename = join(import.meta.dirname, "run.cjs");
const cachedData = made(join(import.meta.dirname, "run.cache"));
const script = new Script(readFileSync(filename, "utf8"), { filename, ...(cachedData && { cachedData }) });
// oxlint-disable-next-line typescript/no-unsafe-type-assertion -- as it is bundled, the file holds such a function
const start = script.runInThisContext() as Start;
// Made for this file, `require` finds for its neighbour what that would find: both stand in one folder.
start(require, import.meta.dirname, filename);

/** Not there where the tool was built without being run. */
function made(path: string): Buffer | null {
  try {
    return readFileSync(path);
  } catch {
    return null;
  }
}
