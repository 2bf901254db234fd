import { execFileSync } from "node:child_process";
import { existsSync, readdirSync, realpathSync } from "node:fs";
import { homedir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { Result, Stage } from "../stage/index.ts";
import { noWorld, World } from "../stage/world.ts";
import { Database, postgres } from "./postgres.ts";

/** As `world/registries.mjs` has it. */
const TINY_POM =
  "<project><modelVersion>4.0.0</modelVersion><groupId>example.test</groupId><artifactId>tiny</artifactId><version>1.0</version><packaging>pom</packaging></project>\n";

interface Tool {
  readonly name: string;
  /** Where it must be for this to be tried. */
  readonly needs: string;
  readonly prepare?: (stage: Stage, world: World) => void;
  readonly script: string;
  readonly rules: readonly string[];
  readonly words?: readonly string[];
  readonly prints: string;
}

const JAVA = `import java.net.*; import java.net.http.*;
public class Fetch { public static void main(String[] words) throws Exception {
  var client = HttpClient.newHttpClient();
  var request = HttpRequest.newBuilder(URI.create("http://good.test/page")).build();
  System.out.print(client.send(request, HttpResponse.BodyHandlers.ofString()).body());
  System.out.print(new String(new URL("http://good.test/old").openStream().readAllBytes())); } }
`;

/** The toolchain itself: what stands in PATH chooses one by files of the user's home. */
const CARGO = ["/usr/bin/cargo", ...rustToolchains()].find((path) => existsSync(path)) ?? "/usr/bin/cargo";

function rustToolchains(): readonly string[] {
  const home = process.env["RUSTUP_HOME"] ?? join(homedir(), ".rustup");
  try {
    return readdirSync(join(home, "toolchains")).map((name) =>
      realpathSync(join(home, "toolchains", name, "bin/cargo")),
    );
  } catch {
    return [];
  }
}

/** Java trusts a store of its own kind alone. */
function trustOfJava(stage: Stage, world: World): void {
  const store = ["-keystore", join(stage.workspace, "trust.p12"), "-storetype", "PKCS12", "-storepass", "changeit"];
  const words = ["-importcert", "-noprompt", "-alias", "world", "-file", join(world.folder, "ca.pem"), ...store];
  execFileSync("keytool", words, { stdio: ["ignore", "ignore", "pipe"] });
}

const tools: readonly Tool[] = [
  {
    name: "git clone and push",
    needs: "/usr/bin/git",
    script: `git clone -q https://good.test/git/project.git copy && cd copy && cat first.txt && echo second > second.txt &&
      git add . && git commit -qm second && git push -q origin HEAD:refs/heads/$$ && echo pushed`,
    rules: ["--allow-domain", "good.test"],
    prints: "first\npushed\n",
  },
  {
    name: "git clone from a host of a bundle",
    needs: "/usr/bin/git",
    script: "git clone -q https://github.com/git/project.git copy && cat copy/first.txt",
    rules: ["--allow", "github"],
    prints: "first\n",
  },
  {
    name: "npm install",
    needs: "/usr/bin/npm",
    script: `npm install --silent --no-audit --no-fund --no-update-notifier --fetch-retries=0 --cafile="$NODE_EXTRA_CA_CERTS" tiny && node -p 'require("tiny")'`,
    rules: ["--allow", "npm"],
    prints: "tiny from npm\n",
  },
  {
    name: "pip install",
    needs: "/usr/bin/pip3",
    script: `/usr/bin/python3 -m pip install -q --disable-pip-version-check --retries 0 --target packages tiny && PYTHONPATH=packages python3 -c 'import tiny'`,
    rules: ["--allow", "pypi"],
    prints: "tiny from pypi\n",
  },
  {
    name: "pip install from wheels of the distribution",
    needs: "/usr/lib/python3/dist-packages/pip",
    script: `/usr/bin/python3 -m pip download -q --disable-pip-version-check --retries 0 --no-deps tiny && ls *.whl`,
    rules: ["--allow", "pypi"],
    prints: "tiny-1.0-py3-none-any.whl\n",
  },
  {
    name: "go mod download",
    needs: "/usr/local/go/bin/go",
    prepare: (stage) => stage.write("go.mod", "module example.test/mine\n\nrequire example.test/tiny v1.0.0\n"),
    script: `/usr/local/go/bin/go mod download -x example.test/tiny 2>/dev/null && cat "$(/usr/local/go/bin/go env GOMODCACHE)/example.test/tiny@v1.0.0/tiny.go"`,
    rules: ["--allow", "go"],
    words: ["-e", "GONOSUMDB=*", "-e", "GOFLAGS=-mod=mod", "--read", "/usr/local/go"],
    prints: "package tiny\n",
  },
  {
    name: "cargo fetch",
    needs: CARGO,
    prepare: (stage) => {
      stage.write("Cargo.toml", '[package]\nname = "mine"\nversion = "1.0.0"\n[dependencies]\ntiny = "1"\n');
      stage.write("src/lib.rs", "");
    },
    script: `PATH="$(dirname ${CARGO}):$PATH" cargo fetch -q && cat "\${CARGO_HOME:-$HOME/.cargo}"/registry/src/*/tiny-1.0.0/src/lib.rs`,
    rules: ["--allow", "crates"],
    words: ["--read", join(CARGO, "../.."), "-e", "CARGO_NET_RETRY=0"],
    prints: "pub fn tiny() {}\n",
  },
  {
    name: "maven, for a parent project",
    needs: "/usr/bin/mvn",
    prepare: (stage, world) => {
      const parent =
        "<parent><groupId>example.test</groupId><artifactId>tiny</artifactId><version>1.0</version><relativePath/></parent>";
      const model = "<modelVersion>4.0.0</modelVersion>";
      stage.write(
        "pom.xml",
        `<project>${model}${parent}<artifactId>mine</artifactId><packaging>pom</packaging></project>`,
      );
      trustOfJava(stage, world);
    },
    // Java takes the home of the user database, which the stage is not in.
    script: `mvn -q -B -Duser.home="$HOME" validate > told && cat ~/.m2/repository/example/test/tiny/1.0/tiny-1.0.pom`,
    rules: ["--allow", "maven"],
    words: [
      "--read",
      "/etc/maven",
      "-e",
      "MAVEN_OPTS=-Djavax.net.ssl.trustStore=trust.p12 -Djavax.net.ssl.trustStorePassword=changeit",
    ],
    prints: TINY_POM,
  },
  {
    name: "java, old and new",
    needs: "/usr/bin/java",
    prepare: (stage) => stage.write("Fetch.java", JAVA),
    script: `java Fetch.java`,
    rules: ["--allow-domain", "good.test"],
    prints: "hello from good.test /page\nhello from good.test /old\n",
  },
  {
    name: "ssh, as far as the server's greeting",
    needs: "/usr/bin/ssh",
    script: `ssh -v -o BatchMode=yes -o StrictHostKeyChecking=no good.test 2>&1 | grep -o 'remote software version stand-in'`,
    rules: ["--allow-domain", "good.test:22"],
    prints: "remote software version stand-in\n",
  },
  {
    name: "psql, as far as its first message",
    needs: "/usr/bin/psql",
    script: `psql -w -h good.test -c 'select 1' 2>&1 | grep -o 'received invalid response to SSL negotiation'`,
    rules: ["--allow-domain", "good.test:5432"],
    prints: "received invalid response to SSL negotiation\n",
  },
  {
    name: "curl by HTTP/2 over TLS",
    needs: "/usr/bin/curl",
    script: `curl -sS --http2 https://good.test/page`,
    rules: ["--allow-domain", "good.test"],
    prints: "hello from good.test /page\n",
  },
];

for (const { name, needs } of noWorld === null ? tools : []) {
  if (!existsSync(needs)) console.warn(`network: ${name} is not tried, ${needs} is not here`);
}
if ("missing" in postgres) console.warn(`network: no database is tried, ${postgres.missing}`);

describe.skipIf(noWorld !== null)("tools people use", () => {
  let world: World;
  beforeAll(async () => {
    world = await World.start();
  });
  afterAll(() => world?.stop());

  describe.each(tools)("$name", ({ needs, prepare, script, rules, words = [], prints }) => {
    it.skipIf(!existsSync(needs))("does its work where its hosts are allowed, and reaches nobody else", async () => {
      const stage = world.stage();
      prepare?.(stage, world);
      const options = { environment: world.trust, timeout: 60_000 };
      const [heard, refused] = await world.hearing(() =>
        stage.sh(script, [...words, "--allow-domain", "other.test"], options),
      );
      expect(refused.stdout).not.toContain(prints);
      expect(heard).toEqual([]);
      const done = stage.sh(script, [...words, ...rules], options);
      stage.remove();
      expect(done).toMatchObject({ status: 0, stdout: prints });
    });
  });

  it("psql asks a database of the host, by its port and by its socket, and no other way", async ({ skip }) => {
    if ("missing" in postgres) return skip(postgres.missing);
    const stage = world.stage("ordinary");
    const database = Database.start(postgres.programs, stage, 5439);
    const { sockets, socket } = database;
    const ask = (host: string, words: readonly string[]): Result =>
      stage.run([
        ...words,
        "--",
        "psql",
        "-w",
        "-U",
        "me",
        "-h",
        host,
        "-p",
        "5439",
        "-Atc",
        "select 6 * 7",
        "postgres",
      ]);
    try {
      for (const host of ["localhost", sockets]) expect(ask(host, []).stdout).toBe("");
      expect(ask("localhost", ["--host-port", "5440"]).stdout).toBe("");
      expect(ask("localhost", ["--host-port", "5439"])).toMatchObject({ status: 0, stdout: "42\n", stderr: "" });
      expect(ask(sockets, ["--allow-unix-socket", `${sockets}/other`]).stdout).toBe("");
      expect(ask(sockets, ["--allow-unix-socket", socket])).toMatchObject({ status: 0, stdout: "42\n", stderr: "" });
    } finally {
      await database.stop();
      stage.remove();
    }
  });
});
