import { execFileSync } from "node:child_process";
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";

const NAMES = [
  "good.test",
  "*.good.test",
  "deep.api.good.test",
  "other.test",
  "evil.test",
  "six.test",
  "registry.npmjs.org",
  "pypi.org",
  "files.pythonhosted.org",
  "proxy.golang.org",
  "sum.golang.org",
  "github.com",
  "index.crates.io",
  "static.crates.io",
  "repo.maven.apache.org",
];

/** Writes what the servers of a world need: its names, certificates, packages and repositories. */
export function furnish(folder: string): void {
  const run = (command: string, ...words: string[]): unknown =>
    execFileSync(command, words, { cwd: folder, stdio: ["ignore", "ignore", "pipe"], env: { ...ENVIRONMENT } });
  writeFileSync(join(folder, "log"), "");
  writeFileSync(join(folder, "resolv.conf"), "nameserver 127.0.0.53\n");
  writeFileSync(join(folder, "hosts"), "127.0.0.1 localhost\n93.184.215.14 listed.test\n10.1.2.3 listed-inside.test\n");
  certificates(folder, run);
  packages(folder, run);
  repository(folder, run);
}

type Run = (command: string, ...words: string[]) => unknown;

const ENVIRONMENT = {
  PATH: "/usr/local/bin:/usr/bin:/bin",
  HOME: "/nonexistent",
  GIT_AUTHOR_NAME: "Test Person",
  GIT_AUTHOR_EMAIL: "test@example.com",
  GIT_COMMITTER_NAME: "Test Person",
  GIT_COMMITTER_EMAIL: "test@example.com",
};

function certificates(folder: string, run: Run): void {
  writeFileSync(
    join(folder, "extensions"),
    `subjectAltName=${NAMES.map((name) => `DNS:${name}`).join()},IP:93.184.215.14\nbasicConstraints=CA:FALSE\n`,
  );
  const key = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes"];
  run("openssl", "req", "-x509", ...key, "-keyout", "ca.key", "-out", "ca.pem", "-subj", "/CN=Test CA", "-days", "2");
  run("openssl", "req", ...key, "-keyout", "server.key", "-out", "server.csr", "-subj", "/CN=good.test");
  const signing = ["-CA", "ca.pem", "-CAkey", "ca.key", "-CAcreateserial", "-extfile", "extensions", "-days", "2"];
  run("openssl", "x509", "-req", "-in", "server.csr", "-out", "server.pem", ...signing);
}

/** One small package for each registry. */
function packages(folder: string, run: Run): void {
  const file = (name: string, text: string): void => {
    const path = join(folder, "packages", name);
    mkdirSync(join(path, ".."), { recursive: true });
    writeFileSync(path, text);
  };
  const zip = (name: string, top: string): unknown =>
    run("python3", "-c", ZIP, join(folder, "packages", name), join(folder, "packages", top));
  file("npm/package/package.json", '{ "name": "tiny", "version": "1.0.0", "main": "index.js" }\n');
  file("npm/package/index.js", 'module.exports = "tiny from npm";\n');
  run("tar", "-czf", "packages/tiny-1.0.0.tgz", "-C", "packages/npm", "package");
  file("wheel/tiny.py", 'print("tiny from pypi")\n');
  const info = "wheel/tiny-1.0.dist-info";
  file(`${info}/METADATA`, "Metadata-Version: 2.1\nName: tiny\nVersion: 1.0\n");
  file(`${info}/WHEEL`, "Wheel-Version: 1.0\nGenerator: test\nRoot-Is-Purelib: true\nTag: py3-none-any\n");
  file(`${info}/RECORD`, "tiny.py,,\n");
  zip("tiny-1.0-py3-none-any.whl", "wheel");
  file("go/example.test/tiny@v1.0.0/go.mod", "module example.test/tiny\n");
  file("go/example.test/tiny@v1.0.0/tiny.go", "package tiny\n");
  zip("tiny-go.zip", "go");
  file("cargo/tiny-1.0.0/Cargo.toml", '[package]\nname = "tiny"\nversion = "1.0.0"\nedition = "2021"\n');
  file("cargo/tiny-1.0.0/src/lib.rs", "pub fn tiny() {}\n");
  run("tar", "-czf", "packages/tiny-1.0.0.crate", "-C", "packages/cargo", "tiny-1.0.0");
}

const ZIP = `import os, sys, zipfile
archive, top = sys.argv[1:]
with zipfile.ZipFile(archive, "w") as made:
    for folder, _, names in os.walk(top):
        for name in names:
            path = os.path.join(folder, name)
            made.write(path, os.path.relpath(path, top))
`;

/** `git/project.git`, with one commit, to be cloned and pushed to. */
function repository(folder: string, run: Run): void {
  writeFileSync(join(folder, "first.txt"), "first\n");
  run("git", "init", "-q", "-b", "main", "source");
  run("cp", "first.txt", "source");
  run("git", "-C", "source", "add", ".");
  run("git", "-C", "source", "commit", "-q", "-m", "first");
  run("git", "clone", "-q", "--bare", "source", "git/project.git");
}
