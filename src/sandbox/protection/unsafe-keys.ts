import { isWithin } from "../../policy/index.ts";
import type { AbsolutePath } from "../../policy/index.ts";
import { asUtf8 } from "./disk.ts";
import type { ConfigEntry } from "./git-config.ts";
import { resolveFrom } from "./repository.ts";

/** Where a configuration is read from, for values that are paths. */
export interface ConfigPlace {
  readonly gitDir: AbsolutePath;
  readonly roots: readonly AbsolutePath[];
}

/**
 * Keys that make git run a program, read further configuration, or work on files elsewhere: `section.key` or
 * `section.*.key`, any subsection matching both. Sources: git-config(1), gitattributes(5), git-lfs-config(5).
 */
const unsafeKeys: ReadonlySet<string> = new Set([
  "core.sshcommand",
  "core.hookspath",
  "core.pager",
  "core.editor",
  "core.gitproxy",
  "core.askpass",
  "core.alternaterefscommand",
  "core.attributesfile",
  "diff.external",
  "diff.command",
  "diff.textconv",
  "difftool.cmd",
  "difftool.path",
  "mergetool.cmd",
  "mergetool.path",
  "merge.driver",
  "filter.clean",
  "filter.smudge",
  "filter.process",
  "credential.helper",
  "gpg.program",
  "gpg.defaultkeycommand",
  "include.path",
  "includeif.path",
  "uploadpack.packobjectshook",
  "remote.uploadpack",
  "remote.receivepack",
  "remote.vcs",
  "sequence.editor",
  "interactive.difffilter",
  "init.templatedir",
  "web.browser",
  "help.browser",
  "browser.path",
  "man.path",
  "man.viewer",
  "imap.tunnel",
  "tar.command",
  "trailer.command",
  "trailer.cmd",
  "hook.command",
  "guitool.cmd",
  "instaweb.httpd",
  "instaweb.modulepath",
  "sendemail.smtpserver",
  "sendemail.sendmailcmd",
  "sendemail.aliasesfile",
  "lfs.path",
  "lfs.args",
  "lfs.standalonetransferagent",
]);

/** Sections that are unsafe whole: a pager for each command, permission for each transport. */
const unsafeSections: ReadonlySet<string> = new Set(["pager", "protocol"]);

/** Names that keys which run something end with, for keys that git or its extensions will have tomorrow. */
const telling = /(?:cmd|command|helper|program|editor|pager|driver|textconv|hookspath|browser|tunnel|proxycommand)$/;

/** A transport that hands the rest of the address to a program: `ext::sh -c …`. */
const programTransport = /^(?:[a-z0-9+.-]+::|-)/i;

const booleans = /^(?:true|false|yes|no|on|off|0|1|)$/i;

/** Whether a repository that came from inside a run may keep this key. */
export function isUnsafe(entry: ConfigEntry, place: ConfigPlace): boolean {
  const { section, subsection, key } = entry;
  const value = asUtf8(entry.value ?? "");
  if (value.startsWith("!")) return true;
  if (unsafeKeys.has(`${section}.${key}`) || unsafeSections.has(section) || telling.test(key)) return true;
  if (section === "core" && key === "fsmonitor") return !booleans.test(value);
  if (section === "core" && key === "worktree") return leadsOut(value, place);
  if (section === "core" && (key === "protecthfs" || key === "protectntfs")) return true;
  if (section === "remote" && (key === "url" || key === "pushurl")) return programTransport.test(value);
  if (section === "url") return subsection !== null && programTransport.test(asUtf8(subsection));
  if (section === "lfs" && (key === "clean" || key === "smudge")) return true;
  return false;
}

function leadsOut(value: string, { gitDir, roots }: ConfigPlace): boolean {
  const path = value.startsWith("~") ? null : resolveFrom(gitDir, value);
  return path === null || !roots.some((root) => isWithin(path, root));
}
