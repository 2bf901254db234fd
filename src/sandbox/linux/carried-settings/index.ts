import { readFileSync } from "node:fs";
import type { AbsolutePath } from "../../../policy/index.ts";

/**
 * Settings of the person's that a private home starts with, by value: who commits, and which registry packages come
 * from. Never a credential.
 */
export function carriedSettings(home: AbsolutePath): ReadonlyMap<string, string> {
  const files = new Map<string, string>();
  const git =
    gitIdentity(readSettings(`${home}/.gitconfig`)) || gitIdentity(readSettings(`${home}/.config/git/config`));
  if (git !== "") files.set(".gitconfig", git);
  const npm = npmSettings(readSettings(`${home}/.npmrc`));
  if (npm !== "") files.set(".npmrc", npm);
  return files;
}

/** The `[user]` section's name and email, nothing else. */
function gitIdentity(text: string): string {
  let section = "";
  const kept: string[] = [];
  for (const line of text.split("\n")) {
    const header = /^\s*\[([^\]]*)\]/.exec(line);
    if (header !== null) section = (header[1] ?? "").trim().toLowerCase();
    else if (section === "user" && /^\s*(name|email)\s*=/i.test(line)) kept.push(`\t${line.trim()}`);
  }
  return kept.length === 0 ? "" : `[user]\n${kept.join("\n")}\n`;
}

const NPM_KEYS = new Set(["registry", "cafile", "strict-ssl", "fund", "audit", "update-notifier", "save-exact"]);

/** Keys that choose, never keys that prove who somebody is; a URL with a user in it stays behind as well. */
function npmSettings(text: string): string {
  const kept = text.split("\n").filter((line) => {
    const [key = "", value = ""] = line.split("=", 2).map((part) => part.trim());
    return (NPM_KEYS.has(key) || /^@[\w.-]+:registry$/.test(key)) && !value.includes("@");
  });
  return kept.length === 0 ? "" : `${kept.join("\n")}\n`;
}

/** Reads a small text file of the person's; absent or unreadable is empty. */
function readSettings(path: string): string {
  try {
    return readFileSync(path, "utf8");
  } catch {
    return ""; // No settings are carried then, which is what an absent file means.
  }
}
