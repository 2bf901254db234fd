// Makes src/generated/ from the data in sandbox-profiles/ and the schemas: what the programs need at start
// without reading or parsing anything.
import { readdir } from "node:fs/promises";

const steps = new URL("./generate/", import.meta.url);
for (const name of (await readdir(steps)).filter((file) => file.endsWith(".mjs")).toSorted()) {
  const { generate } = await import(new URL(name, steps));
  await generate(new URL("../", import.meta.url));
}
