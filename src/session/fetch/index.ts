/** Fetching from the network, for whoever holds a capability, by the rules of the run's door. */
export { fetchMethod } from "./method.ts";
