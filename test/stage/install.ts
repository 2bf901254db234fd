import { execFileSync } from "node:child_process";
import { chmodSync, cpSync, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

const checkout = new URL("../../", import.meta.url).pathname;

/**
 * Installs the built tool where every user can run it, as a package manager would: outside any workspace, without
 * what only development needs. The place is handed to the tests in SANDBOXED_TEST_TOOL.
 */
export default function install(): () => void {
  const place = mkdtempSync(join(tmpdir(), "sandboxed-tool-"));
  chmodSync(place, 0o755);
  for (const name of ["dist", "clients", "examples", "package.json"])
    cpSync(join(checkout, name), join(place, name), { recursive: true });
  const { packages } = JSON.parse(readFileSync(join(checkout, "package-lock.json"), "utf8"));
  for (const [folder, { dev }] of Object.entries<{ dev?: boolean }>(packages)) {
    if (folder === "" || dev === true || !existsSync(join(checkout, folder))) continue;
    mkdirSync(join(place, folder, ".."), { recursive: true });
    cpSync(join(checkout, folder), join(place, folder), { recursive: true });
  }
  // As an installer leaves it, whatever the umask of this checkout.
  execFileSync("chmod", ["-R", "go-w", place]);
  process.env["SANDBOXED_TEST_TOOL"] = place;
  return () => rmSync(place, { recursive: true, force: true });
}
