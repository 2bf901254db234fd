export { DoorChannel } from "./channel.ts";
export type { Door } from "./channel.ts";
export type { DatagramEntrance, Entrance } from "./entrance.ts";
