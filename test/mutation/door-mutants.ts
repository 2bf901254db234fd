import type { World } from "../stage/world.ts";
import type { Stage } from "../stage/index.ts";
import { inDoor } from "./tool.ts";
import type { Off } from "./tool.ts";

/** One protection of the door, the attack it is there for, and what is left when it is gone. */
export interface DoorMutant {
  readonly protection: string;
  /** True when the attack had its effect. */
  readonly attack: (stage: Stage, world: World) => Promise<boolean>;
  readonly off: Off;
  /** Another layer that still stops the attack when this one is off; with both off it succeeds. */
  readonly redundant?: { readonly heldBy: string; readonly off: Off };
}

const edit = (...words: Parameters<typeof inDoor>): Off => ({ edits: [inDoor(...words)] });

/** Fetched by the proxy and past it; true when a web server was asked. */
const fetches =
  (url: string, rules: readonly string[]): DoorMutant["attack"] =>
  async (stage, world) => {
    const script = `for way in '' '*'; do curl -sk -m 3 --noproxy "$way" ${url}; done`;
    const [heard] = await world.hearing(() => stage.sh(script, rules));
    return heard.some(({ kind }) => kind === "http");
  };

const GOOD = ["--allow-domain", "good.test"];

const TLS = `import socket, ssl
s = ssl._create_unverified_context().wrap_socket(socket.create_connection(("good.test", 443), 3), server_hostname="other.test")
s.sendall(b"GET / HTTP/1.0\\r\\nHost: other.test\\r\\n\\r\\n")
print(s.recv(99))`;

const LOOKUP = `import socket
try: print("found", socket.gethostbyname("other.test"))
except OSError: pass`;

const CONNECT = `import socket
print(socket.create_connection(("good.test", 22), 3).recv(9))`;

export const doorMutants: readonly DoorMutant[] = [
  {
    protection: "the check of names",
    attack: fetches("http://other.test/", GOOD),
    off: edit(
      "decide/policy-gate.ts",
      "if (this.#ask === null) return refused(protocol, target, decision.reason, decision);",
      `if (this.#ask === null) return this.#pass(target, protocol, reach, { ...decision, effect: "allow" });`,
    ),
  },
  {
    protection: "the refusal of denied names",
    attack: fetches("http://good.test/", ["--allow-domain", "**.good.test", "--deny-domain", "good.test"]),
    off: edit(
      "decide/policy-gate.ts",
      `if (decision.effect !== "allow" && !reach.isMiss) return refused(protocol, target, decision.reason, decision);`,
    ),
    redundant: {
      heldBy: "the look at the policy before a name is resolved",
      off: edit("decide/policy-gate.ts", `if (reach.decision.effect === "allow") return true;`, "return true;"),
    },
  },
  {
    protection: "the check of what a name leads to",
    attack: fetches("http://inside.test/", ["--allow-domain", "inside.test"]),
    off: edit("decide/policy-gate.ts", "({ address }) => !mayDial(target, address, now)", "() => false"),
  },
  {
    protection: "the check of literal addresses",
    attack: fetches("http://10.1.2.3/", ["--allow-domain", "0.0.0.0/0"]),
    off: edit("decide/policy-gate.ts", "if (target.isAddress && !mayDial(target, target.host, reach))", "if (false)"),
    redundant: {
      heldBy: "the check of what is dialled",
      off: edit("decide/policy-gate.ts", "({ address }) => !mayDial(target, address, now)", "() => false"),
    },
  },
  {
    protection: "the check of TLS names",
    attack: async (stage, world) => {
      const [heard] = await world.hearing(() => stage.python(TLS, GOOD));
      return heard.some((each) => each.kind === "http" && each.sni === "other.test");
    },
    off: edit(
      "tls/opening.ts",
      "return isNamed ? nameProblem(opening.serverName, target, true) : null;",
      "return null;",
    ),
  },
  {
    protection: "the check of Host",
    attack: async (stage, world) => {
      const [heard] = await world.hearing(() =>
        stage.run([...GOOD, "--", "curl", "-s", "-H", "Host: other.test", "http://good.test/"]),
      );
      return heard.some((each) => each.kind === "http" && each.host === "other.test");
    },
    off: edit("http/target.ts", "isSame(host, target)", "true"),
    redundant: {
      heldBy: "the Host that is sent on",
      off: edit(
        "http/target.ts",
        "{ target, path, hostLine: authorityOf(target, defaultPort) } : mismatch",
        "{ target, path, hostLine: line } : mismatch",
      ),
    },
  },
  {
    protection: "the refusal of names that are looked up",
    attack: async (stage) => stage.python(LOOKUP, GOOD).stdout.includes("found"),
    off: edit(
      "dns/answer.ts",
      "return blocked(admitted.refusal.message);",
      `return found([{ type: "A", name: question.name, ttl: LIFE, data: names.addressFor(parsed.value.host) ?? "" }]);`,
    ),
  },
  {
    protection: "the listeners for programs that know no proxy",
    attack: async (stage) => !stage.python(CONNECT, ["--allow-domain", "good.test:22"]).stdout.includes("SSH-2.0"),
    off: edit(
      "serve/run.ts",
      `door.serve(unblocked(entrance.serve({}, ignore)), "transparent");`,
      "entrance.serve({}, (socket) => socket.destroy());",
    ),
  },
  {
    protection: "the question to no resolver but one's own, and only once allowed",
    attack: async (stage, world) => {
      const [heard] = await world.hearing(() => stage.run([...GOOD, "--", "curl", "-s", "http://s3cret.wild.test/"]));
      return heard.some((each) => each.kind === "dns" && each.name === "s3cret.wild.test");
    },
    off: edit(
      "decide/policy-gate.ts",
      "  async admit(target: Target, protocol: Protocol): Promise<Answer<Passage>> {",
      "  async admit(target: Target, protocol: Protocol): Promise<Answer<Passage>> {\n    await this.#resolver.lookup(target.host);",
    ),
  },
];
