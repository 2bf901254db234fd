import { mkdir, readdir, readFile, writeFile } from "node:fs/promises";
import { parse } from "smol-toml";

/** sandbox-profiles/*.toml -> src/generated/data.ts: for each file its value, and apart from it its text, for line numbers. */
export async function generate(root) {
  const folder = new URL("sandbox-profiles/", root);
  const constants = [];
  for (const file of (await readdir(folder)).filter((name) => name.endsWith(".toml")).toSorted()) {
    const text = await readFile(new URL(file, folder), "utf8");
    parse(text);
    const plain = file.replace(/\.toml$/, "").replace(/-(\w)/g, (_, letter) => letter.toUpperCase());
    const name = plain === "protected" ? "protected_" : plain; // a reserved word
    const constant = (called, value) => `export const ${called} = ${JSON.stringify(value, null, 2)} as const;\n`;
    constants.push(
      `/** \`sandbox-profiles/${file}\`. */\n${constant(name, parse(text))}`,
      constant(`${plain}Source`, { file: `sandbox-profiles/${file}`, text }),
    );
  }
  await mkdir(new URL("src/generated/", root), { recursive: true });
  await writeFile(
    new URL("src/generated/data.ts", root),
    `// Made by scripts/generate; do not edit.\n\n${constants.join("\n")}`,
  );
}
