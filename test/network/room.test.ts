import { expect, it } from "vitest";
import { roomForConnections, roomForIdle } from "../../src/network/door/room.ts";

it.each([
  [1_048_576, 4096],
  [16_384, 4096],
  [4096, 1024],
  [1024, 256],
  [64, 16],
  [8, 4],
])("of %d descriptors the connections of a door leave some", (descriptors, connections) => {
  expect(roomForConnections(descriptors)).toBe(connections);
  const idle = roomForIdle(connections);
  expect(idle).toBeLessThanOrEqual(Math.max(4, connections / 8));
});

it("looks at the process itself", () => {
  expect(roomForConnections()).toBeGreaterThanOrEqual(4);
});
