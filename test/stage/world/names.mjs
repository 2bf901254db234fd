import { createSocket } from "node:dgram";
import { once } from "node:events";
import { decode, encode } from "dns-packet";

export const PUBLIC = "93.184.215.14";
export const OTHER = "93.184.215.15";
export const PUBLIC6 = "2606:2800:21f::1";

/** Addresses by name; a name that is absent does not exist. Every name below `wild.test` has the public one. */
const zone = new Map(
  Object.entries({
    "good.test": [PUBLIC],
    "api.good.test": [PUBLIC],
    "deep.api.good.test": [PUBLIC],
    "good.test.evil.test": [PUBLIC],
    "evilgood.test": [PUBLIC],
    goodxtest: [PUBLIC],
    "evil.test": [PUBLIC],
    "other.test": [OTHER],
    "six.test": [PUBLIC6],
    "both.test": [PUBLIC, PUBLIC6],
    "inside.test": ["10.1.2.3"],
    "loop.test": ["127.0.0.1"],
    "mixed.test": [PUBLIC, "127.0.0.1"],
    "cloud.test": ["169.254.169.254"],
    "mapped.test": ["::ffff:10.1.2.3"],
    "wrapped.test": ["64:ff9b::a01:203"],
    "nobody-home.test": ["203.0.114.9"],
    "metadata.google.internal": ["169.254.169.254"],
    "registry.npmjs.org": [PUBLIC],
    "pypi.org": [PUBLIC],
    "files.pythonhosted.org": [PUBLIC],
    "proxy.golang.org": [PUBLIC],
    "sum.golang.org": [PUBLIC],
    "github.com": [PUBLIC],
    "crates.io": [PUBLIC],
    "index.crates.io": [PUBLIC],
    "static.crates.io": [PUBLIC],
    "repo.maven.apache.org": [PUBLIC],
    "repo1.maven.org": [PUBLIC],
  }),
);

/** Other names for names. */
const aliases = new Map([
  ["alias.test", "other.test"],
  ["alias-inside.test", "inside.test"],
]);
/** Every name below `rebind.test` has the first address once, and from then on the second. */
const turns = [PUBLIC, "127.0.0.1"];

/** A name server on 127.0.0.53 that writes down every question. */
export async function serveNames(note) {
  const asked = new Map();
  const socket = createSocket("udp4");
  socket.on("message", (message, peer) => {
    const { id, questions = [] } = decode(message);
    const [question] = questions;
    if (question === undefined) return;
    const name = question.name.toLowerCase();
    note("dns", { name, type: question.type });
    const real = aliases.get(name) ?? name;
    const answers = real === name ? [] : [{ type: "CNAME", name, ttl: 1, data: real }];
    const addresses = addressesOf(real, question.type, asked);
    for (const data of addresses ?? []) {
      const type = data.includes(":") ? "AAAA" : "A";
      if (type === question.type) answers.push({ type, name: real, ttl: 1, data });
    }
    const flags = 0x180 | (addresses === null ? 3 : 0);
    socket.send(encode({ type: "response", id, flags, questions, answers }), peer.port, peer.address);
  });
  socket.bind(53, "127.0.0.53");
  await once(socket, "listening");
}

function addressesOf(name, type, asked) {
  if (!name.endsWith(".rebind.test")) return zone.get(name) ?? (name.endsWith(".wild.test") ? [PUBLIC] : null);
  const turn = asked.get(`${type} ${name}`) ?? 0;
  asked.set(`${type} ${name}`, turn + 1);
  return [turns[Math.min(turn, turns.length - 1)]];
}
