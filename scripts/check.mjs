// Types, lint, format, unused code: everything that needs no running program. Prints only what is wrong.
import { spawnSync } from "node:child_process";

const bin = (name) => `node_modules/.bin/${name}`;
const checks = [
  [bin("tsc"), "-p", "tsconfig.json", "--noEmit"],
  [bin("tsc"), "-p", "test/tsconfig.json", "--noEmit"],
  [bin("oxlint"), "--type-aware", "--quiet", "src", "test", "bench", "scripts"],
  [bin("oxfmt"), "--check", "src", "test", "bench", "scripts"],
  [bin("publint"), "--strict"],
  [bin("knip"), "--no-progress", "--treat-config-hints-as-errors"],
];
let failed = 0;
for (const [command, ...args] of checks) {
  const { status, stdout, stderr } = spawnSync(command, args, { encoding: "utf8" });
  if (status === 0) continue;
  failed += 1;
  console.error(`${command.split("/").pop()} ${args.join(" ")}\n${stdout}${stderr}`);
}
process.exit(failed === 0 ? 0 : 1);
