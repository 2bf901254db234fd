import { once } from "node:events";
import { connect, createServer } from "node:net";
import type { AddressInfo, Socket } from "node:net";
import { describe, expect, it } from "vitest";
import { ByteRoom, roomForOthers } from "../../src/network/index.ts";

const MOST = 4;

describe("room for connections", () => {
  it("is made by the oldest that nobody vouched for, and by the newest where there is none", async () => {
    const server = createServer();
    const vouch = roomForOthers(server, MOST);
    const taken: Socket[] = [];
    server.on("connection", (socket) => taken.push(socket.on("error", () => {})));
    server.listen(0, "127.0.0.1");
    await once(server, "listening");
    // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- a listener on a port has such an address
    const { port } = server.address() as AddressInfo;
    const clients: Socket[] = [];
    const another = async (isVouchedFor: boolean): Promise<void> => {
      clients.push(connect(port, "127.0.0.1").on("error", () => {}));
      const [socket] = await once(server, "connection");
      if (isVouchedFor) vouch(socket);
    };
    const left = (): readonly number[] => taken.flatMap((socket, at) => (socket.destroyed ? [] : [at]));
    for (const isVouchedFor of [true, false, true, false, false]) {
      // oxlint-disable-next-line no-await-in-loop -- the order is what counts
      await another(isVouchedFor);
    }
    expect(left()).toEqual([0, 2, 3, 4]);
    await expect.poll(() => clients[1]?.destroyed || clients[1]?.readableEnded).toBe(true);
    for (const at of [3, 4]) {
      const socket = taken[at];
      if (socket !== undefined) vouch(socket);
    }
    await another(false);
    expect(left()).toEqual([0, 2, 3, 4]);
    clients[0]?.destroy();
    await once(taken[0] ?? server, "close");
    await another(false);
    expect(left()).toEqual([2, 3, 4, 6]);
    for (const client of clients) client.destroy();
    server.close();
  });
});

describe("room for bytes", () => {
  it("is shared, and given back all at once", () => {
    const room = new ByteRoom(10);
    const [one, two] = [room.holder(), room.holder()];
    expect([one.take(6), two.take(5), two.take(4), one.take(1)]).toEqual([true, false, true, false]);
    one.release();
    one.release();
    expect([two.take(6), two.take(1)]).toEqual([true, false]);
  });
});
