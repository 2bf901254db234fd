import { mkdir, readFile, writeFile } from "node:fs/promises";

/** package.json -> src/generated/version.ts: a bundle cannot look for its package at run time. */
export async function generate(root) {
  const { version } = JSON.parse(await readFile(new URL("package.json", root), "utf8"));
  await mkdir(new URL("src/generated/", root), { recursive: true });
  const text = `// Made by scripts/generate; do not edit.\n\nexport const version = ${JSON.stringify(version)};\n`;
  await writeFile(new URL("src/generated/version.ts", root), text);
}
