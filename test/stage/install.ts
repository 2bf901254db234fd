import { execFileSync } from "node:child_process";
import { chmodSync, cpSync, mkdirSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, relative } from "node:path";

const checkout = new URL("../../", import.meta.url).pathname;

/**
 * Installs the built tool where every user can run it, as a package manager would: outside any workspace, without
 * what only development needs. The place is handed to the tests in SANDBOXED_TEST_TOOL.
 */
export default function install(): () => void {
  const place = mkdtempSync(join(tmpdir(), "sandboxed-tool-"));
  chmodSync(place, 0o755);
  for (const name of ["dist", "package.json"]) cpSync(join(checkout, name), join(place, name), { recursive: true });
  const listed = execFileSync("npm", ["ls", "--omit=dev", "--all", "--parseable"], { cwd: checkout, encoding: "utf8" });
  for (const folder of listed.trim().split("\n").slice(1)) {
    const to = join(place, relative(checkout, folder));
    mkdirSync(join(to, ".."), { recursive: true });
    cpSync(folder, to, { recursive: true });
  }
  process.env["SANDBOXED_TEST_TOOL"] = place;
  return () => rmSync(place, { recursive: true, force: true });
}
