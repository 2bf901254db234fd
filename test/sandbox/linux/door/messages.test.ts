import { describe, expect, it } from "vitest";
import { doorMessage } from "../../../../src/sandbox/linux/door/messages.ts";

describe("a message of the door's channel", () => {
  it.each([
    { text: '{"entrance":"tcp","port":443}', is: { kind: "entrance", entrance: "tcp", port: 443 } },
    { text: '{"entrance":"dns-udp","port":53}', is: { kind: "entrance", entrance: "dns-udp", port: 53 } },
    { text: '{"entrances":0}', is: { kind: "complete" } },
    { text: '{"dial":7}', is: { kind: "dialled", dial: 7, errno: null } },
    { text: '{"dial":7,"errno":111}', is: { kind: "dialled", dial: 7, errno: 111 } },
  ])("$text is understood", ({ text, is }) => expect(doorMessage(JSON.parse(text))).toEqual(is));

  it.each([
    "null",
    "7",
    '"entrance"',
    "[]",
    "{}",
    '{"entrance":"tcp"}',
    '{"entrance":"udp","port":53}',
    '{"entrance":"tcp","port":"443"}',
    '{"entrance":"tcp","port":-1}',
    '{"entrances":"all"}',
    '{"dial":"7"}',
    '{"dial":7,"errno":"ECONNREFUSED"}',
    '{"dial":1.5}',
  ])("%s is none", (text) => expect(doorMessage(JSON.parse(text))).toBeNull());
});
