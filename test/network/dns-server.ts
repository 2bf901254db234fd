import { createSocket } from "node:dgram";
import { once } from "node:events";
import { decode, encode } from "dns-packet";
import type { Answer } from "dns-packet";

export interface TestDnsServer {
  /** For `setServers`. */
  readonly address: string;
  /** Every question that came, in order: `A good.test`. */
  readonly seen: string[];
  close(): void;
}

/** What is said to `A good.test`: records, an error code, or nothing at all. */
export type Zone = (question: string) => readonly Answer[] | number | null;

/** A real DNS server on loopback that remembers what it was asked. */
export async function startDnsServer(zone: Zone): Promise<TestDnsServer> {
  const socket = createSocket("udp4");
  const seen: string[] = [];
  socket.on("message", (message, peer) => {
    const { id = 0, questions = [] } = decode(message);
    const [question] = questions;
    if (question === undefined) return;
    const asked = `${question.type} ${question.name}`;
    seen.push(asked);
    const said = zone(asked);
    if (said === null) return;
    const [rcode, answers] = typeof said === "number" ? [said, []] : [0, [...said]];
    socket.send(encode({ type: "response", id, flags: 0x180 | rcode, questions, answers }), peer.port, peer.address);
  });
  socket.bind(0, "127.0.0.1");
  await once(socket, "listening");
  return { address: `127.0.0.1:${socket.address().port}`, seen, close: () => socket.close() };
}

/** A zone from lines such as `A good.test 192.0.2.1 60`; names without a line have no address. */
export function zoneOf(lines: readonly string[]): Zone {
  return (question) => {
    const [, asked = ""] = question.split(" ");
    const name = asked.toLowerCase();
    const chain: Answer[] = [];
    let current = name;
    for (let turn = 0; turn < 8; turn++) {
      const cname = lines.map((line) => line.split(" ")).find(([type, owner]) => type === "CNAME" && owner === current);
      if (cname === undefined) break;
      chain.push({ type: "CNAME", name: current, ttl: 60, data: cname[2] ?? "" });
      current = cname[2] ?? "";
    }
    const type = question.startsWith("AAAA ") ? "AAAA" : "A";
    const records = lines
      .map((line) => line.split(" "))
      .filter(([kind, owner]) => kind === type && owner === current)
      .map(([, owner = "", data = "", ttl = "60"]): Answer => ({ type, name: owner, ttl: Number(ttl), data }));
    const exists = lines.some((line) => line.split(" ")[1] === name);
    return exists ? [...chain, ...records] : 3;
  };
}
