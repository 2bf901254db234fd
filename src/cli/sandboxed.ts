#!/usr/bin/env node
import { sandboxedMain } from "./sandboxed-main.ts";

void sandboxedMain(process.argv.slice(2)).then((status) => {
  // Output to a pipe may still be on its way: the process ends when it is written.
  process.exitCode = status;
});
