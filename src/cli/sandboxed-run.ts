#!/usr/bin/env node
/**
 * The quick start: runs `run.cjs` with what V8 had made of it when the tool was built. V8 takes that for the text,
 * version and flags alone that it was made with, and compiles otherwise. Nothing writes it after the build, so that it
 * is what the file beside it is: https://nodejs.org/api/vm.html#scriptcreatecacheddata
 */
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { join } from "node:path";
import { Script } from "node:vm";

type Start = (require: NodeJS.Require, dirname: string, filename: string) => void;

const filename = join(import.meta.dirname, "run.cjs");
const cachedData = made(join(import.meta.dirname, "run.cache"));
const script = new Script(`(function (require, __dirname, __filename) {${readFileSync(filename, "latin1")}\n})`, {
  filename,
  ...(cachedData && { cachedData }),
});
// oxlint-disable-next-line typescript/no-unsafe-type-assertion -- the text above is such a function
const start = script.runInThisContext() as Start;
start(createRequire(filename), import.meta.dirname, filename);

/** Not there where the tool was built without being run. */
function made(path: string): Buffer | null {
  try {
    return readFileSync(path);
  } catch {
    return null;
  }
}
