import { didYouMean, SandboxedError } from "../policy/index.ts";
import type { Document } from "./document.ts";
import type { ConfigFlags } from "./flags.ts";
import type { RawConfig } from "./schema.ts";

/** Behaviour that is switched by `[features]`, `--enable` and `--disable`; the values are the defaults. */
export const defaultFeatures = { use_legacy_landlock: false } as const;

export type Feature = keyof typeof defaultFeatures;

export type Features = Readonly<Record<Feature, boolean>>;

/** From the documents, lowest first, then the options. Errors: `usage` for a name that is none. */
export function readFeatures(
  layers: readonly { readonly document: Document; readonly raw: RawConfig }[],
  flags: ConfigFlags,
): Features {
  const features: Record<Feature, boolean> = { ...defaultFeatures };
  for (const { raw } of layers) Object.assign(features, raw.features);
  for (const { name, on } of flags.features) {
    if (!isFeature(name)) throw unknown(name, on);
    features[name] = on;
  }
  return features;
}

function isFeature(name: string): name is Feature {
  return Object.hasOwn(defaultFeatures, name);
}

function unknown(name: string, on: boolean): SandboxedError {
  const names = Object.keys(defaultFeatures);
  const option = on ? "--enable" : "--disable";
  return new SandboxedError(
    "usage",
    `${option} ${JSON.stringify(name)}: there is no such feature${didYouMean(name, names)}`,
    {
      hint: `features are ${names.join(", ")}`,
    },
  );
}
