// A launcher as small as can be, for tests that need it to be a process of its own: in a terminal, or to be killed.
// Its argument is a file with a launch request as JSON.
import { readFileSync, writeFileSync } from "node:fs";
import { constants } from "node:os";
import { start } from "./launch.ts";
import type { Launch, LaunchRequest } from "./launch.ts";

/** Long enough for a stop to take effect before the next line of this file runs. */
const STOPPING_MS = 20;

const [, , file = ""] = process.argv;
// Written by the tests themselves.
const request: LaunchRequest & { readonly note?: string } = JSON.parse(readFileSync(file, "utf8"));

const started = start({
  ...request,
  stdio: ["inherit", "inherit", "inherit"],
  onLine(line, launch) {
    if (request.note !== undefined) writeFileSync(request.note, `${line}\n`, { flag: "a" });
    if (line.startsWith("stopped ")) launch.toGuard(line);
  },
  onStop: stop,
  onForeground: (yes, launch) => launch.toInit(`continue ${yes ? "fg" : "bg"}`),
});

function stop(launch: Launch): void {
  process.kill(0, "SIGTSTP");
  setTimeout(() => launch.toGuard("foreground?"), STOPPING_MS);
}

for (const signal of ["SIGINT", "SIGTERM", "SIGHUP", "SIGQUIT"] as const) {
  process.on(signal, () => started.toInit(`signal ${constants.signals[signal]}`));
}
process.on("SIGWINCH", () => started.toGuard("winsize"));

const { lines } = await started.outcome;
const [word, number] = (lines.at(-1) ?? "").split(" ");
process.exitCode = word === "exit" ? Number(number) : word === "signal" ? 128 + Number(number) : 125;
