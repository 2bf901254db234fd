import { runMain } from "./run-main.ts";

void runMain(process.argv.slice(2), "sandboxed-run").then((status) => process.exit(status));
