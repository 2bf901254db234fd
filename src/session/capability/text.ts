/** A capability as `--grant` takes it: `kind=scope,scope:calls=50:expires=15m:approval=always`. */
export type CapabilityText = string;
