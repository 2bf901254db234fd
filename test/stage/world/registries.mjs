import { createHash } from "node:crypto";
import { readFileSync } from "node:fs";
import { join } from "node:path";

/** What registries would answer, by host and path: one small package in each. */
export function registries(folder) {
  const read = (name) => readFileSync(join(folder, "packages", name));
  const tarball = read("tiny-1.0.0.tgz");
  const wheel = read("tiny-1.0-py3-none-any.whl");
  const json = "application/json";
  const binary = "application/octet-stream";
  const integrity = `sha512-${createHash("sha512").update(tarball).digest("base64")}`;
  const packument = {
    name: "tiny",
    "dist-tags": { latest: "1.0.0" },
    versions: {
      "1.0.0": {
        name: "tiny",
        version: "1.0.0",
        dist: { tarball: "https://registry.npmjs.org/tiny/-/tiny-1.0.0.tgz", integrity },
      },
    },
  };
  const wheelName = "tiny-1.0-py3-none-any.whl";
  const sum = createHash("sha256").update(wheel).digest("hex");
  const link = `<a href="https://files.pythonhosted.org/packages/${wheelName}#sha256=${sum}">${wheelName}</a>`;
  const go = "proxy.golang.org/example.test/tiny/@v";
  const crate = read("tiny-1.0.0.crate");
  const crateLine = { name: "tiny", vers: "1.0.0", deps: [], cksum: hash(crate), features: {}, yanked: false };
  const pom =
    "<project><modelVersion>4.0.0</modelVersion><groupId>example.test</groupId><artifactId>tiny</artifactId><version>1.0</version><packaging>pom</packaging></project>\n";
  const parent = "repo.maven.apache.org/maven2/example/test/tiny/1.0/tiny-1.0.pom";
  const entries = [
    ["registry.npmjs.org/tiny", json, JSON.stringify(packument)],
    ["registry.npmjs.org/tiny/-/tiny-1.0.0.tgz", binary, tarball],
    ["pypi.org/simple/tiny/", "text/html", `<!DOCTYPE html><html><body>${link}</body></html>`],
    [`files.pythonhosted.org/packages/${wheelName}`, binary, wheel],
    [`${go}/list`, "text/plain", "v1.0.0\n"],
    [`${go}/v1.0.0.info`, json, JSON.stringify({ Version: "v1.0.0", Time: "2020-01-01T00:00:00Z" })],
    [`${go}/v1.0.0.mod`, "text/plain", "module example.test/tiny\n"],
    [`${go}/v1.0.0.zip`, binary, read("tiny-go.zip")],
    ["index.crates.io/config.json", json, JSON.stringify({ dl: "https://static.crates.io/crates" })],
    ["index.crates.io/ti/ny/tiny", "text/plain", `${JSON.stringify(crateLine)}\n`],
    ["static.crates.io/crates/tiny/1.0.0/download", binary, crate],
    [parent, "text/xml", pom],
    [`${parent}.sha1`, "text/plain", createHash("sha1").update(pom).digest("hex")],
  ];
  return new Map(entries.map(([place, type, body]) => [place, { type, body }]));
}

function hash(bytes) {
  return createHash("sha256").update(bytes).digest("hex");
}
