import type { Generated } from "./30-validator.mjs";

/** What the generator writes; tests compare it with what is there. */
export const requirements: Generated;
export function generate(root: URL): Promise<void>;
export function keysOf(root: URL): Promise<object>;
export function withTable(text: string, keys: object): string;
