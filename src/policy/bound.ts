import type { Policy } from "./model.ts";

declare const bound: unique symbol;

/**
 * A policy that has been through the gate (`src/gate`): the requirements of the organisation and the user's ceiling are
 * among its layers. A sandbox is prepared from nothing else.
 */
export type BoundPolicy = Policy & { readonly [bound]: true };
