import type { ChildProcess } from "node:child_process";
import { existsSync } from "node:fs";
import { join } from "node:path";
import type { Stage } from "../stage/index.ts";

const needs = ["/usr/bin/dbus-run-session", "/usr/bin/gnome-keyring-daemon"];
const missing = needs.filter((path) => !existsSync(path));
if (missing.length > 0) console.warn(`keyring: the real one is not tried, no ${missing.join(", ")}`);

/** The real keyring cannot be had here. */
export const withoutKeyring = missing.length > 0;

/** A session bus with an unlocked keyring that holds what `STORED` says, and then the words. */
const SESSION = `mkdir -p -m 700 "$HOME/.cache" "$HOME/.local/share" "$XDG_RUNTIME_DIR"
printf pw | gnome-keyring-daemon --unlock --components=secrets --foreground >/dev/null 2>&1 & keyring=$!
trap 'kill $keyring' EXIT
"$NODE" -e 'const { Entry } = require(process.env.KEYRING);
const entry = new Entry("sandboxed-test", "api", { linux: { store: "secret-service" } });
const began = Date.now();
for (;;) try { entry.setPassword(process.env.STORED); break; } catch (error) { if (Date.now() - began > 20000) throw error; }' || exit 99
"$@"`;

/** Starts a program in a session with an unlocked keyring; `stored` is in it, as `sandboxed-test/api`. */
export function startInKeyring(stage: Stage, words: readonly string[], stored: string): ChildProcess {
  return stage.startPlain("dbus-run-session", ["--", "bash", "-c", SESSION, "session", ...words], {
    environment: {
      NODE: process.execPath,
      KEYRING: join(import.meta.dirname, "../../node_modules/@napi-rs/keyring"),
      STORED: stored,
      XDG_RUNTIME_DIR: join(stage.folder, "runtime"),
    },
  });
}
