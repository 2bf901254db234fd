export { MOST_ATTEMPTS, sessionAfter, untilItFits } from "./attempts.ts";
export { equip } from "./equip.ts";
export type { ChannelRequest, Equipment } from "./equip.ts";
export { managedEvents, recordingManaged, reportingDoor } from "./managed.ts";
export type { Spawning } from "./spawned.ts";
export { start, withSummaries } from "./start.ts";
export { streamsOf } from "./streams.ts";
export type { ProgramStreams } from "./streams.ts";
