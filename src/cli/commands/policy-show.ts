import { escapeText, formatDuration, formatSize, provenanceText } from "../../policy/index.ts";
import type { CredentialRule, HttpRule, Profile, Provenance } from "../../policy/index.ts";
import { effectiveValues, refuseExcess } from "../../config/index.ts";
import type { Config } from "../../config/index.ts";
import { prepareToAsk } from "../ask.ts";
import type { Command, Result } from "../command.ts";
import { lastValue } from "../parse.ts";
import { askedFor } from "../policy-flags.ts";
import type { Asked } from "../policy-flags.ts";
import { outputOptions, policyOptions } from "../run-options.ts";

export const policyShow: Command = {
  operands: "",
  options: [
    ...policyOptions,
    {
      id: "effective",
      long: "effective",
      short: null,
      argument: null,
      help: "what all layers come to on this machine, value by value",
      example: "--effective",
    },
    ...outputOptions,
  ],
  examples: [
    "sandboxed policy show",
    "sandboxed policy show --effective",
    "sandboxed policy show -P ci --json",
    "sandboxed policy show -w ./out",
  ],
  about: ["A run may do what every layer allows. With --effective each value stands with who said it last."],
  async run(parsed) {
    const asked = await askedFor(parsed);
    const { config } = asked;
    if (lastValue(parsed, "effective") !== null) return showEffective(asked);
    return { data: policyData(config), text: policyText(config), status: 0 };
  },
};

function showEffective(asked: Asked): Result {
  const { oracle, resolved } = prepareToAsk(asked);
  const warnings = [...asked.config.warnings, ...refuseExcess(asked.config.policy, resolved.places)];
  const values = effectiveValues(asked.config, oracle.materialise());
  const rows = values.map(({ key, value, from }) => [`${escapeText(key)} = ${escapeText(value)}`, from] as const);
  return {
    data: { values: values.map(({ key, value, from }) => ({ key, value, ...from })), warnings },
    text: `${[...warnings.map((warning) => `warning   ${warning}`), ...table(rows)].join("\n")}\n`,
    status: 0,
  };
}

function policyData({ policy, chosenBy, sources, features, audit, trust, warnings }: Config): object {
  const layers = policy.layers.map(({ layer, profile }) => ({ layer, profile: profileData(profile) }));
  return { chosenBy, layers, sources, features, audit, trust, warnings };
}

/** Maps and sets as JSON has them. Values of variables stay out: they may be secrets. */
function profileData(profile: Profile): object {
  const { environment, protect, origins, ...rest } = profile;
  return {
    ...rest,
    origins: Object.fromEntries(origins ?? []),
    environment: { ...environment, set: [...environment.set.keys()] },
    protect: { ...protect, off: [...protect.off] },
  };
}

function policyText(config: Config): string {
  const files = config.sources.map(
    ({ file, layer }) => `read      ${file === null ? "-c" : escapeText(file)} (${layer})`,
  );
  const lines = [
    `profile   ${escapeText(config.profile.name)} (${provenanceText(config.chosenBy)})`,
    ...files,
    ...config.warnings.map((warning) => `warning   ${warning}`),
    ...(config.trust === null ? [] : [`project   ${config.trust}`]),
    `audit     ${config.audit}`,
    ...Object.entries(config.features).map(([name, on]) => `feature   ${name} ${on ? "on" : "off"}`),
    ...config.policy.layers.flatMap(({ layer, profile }) => ["", ...layerText(layer, profile)]),
  ];
  return `${lines.join("\n")}\n`;
}

const layerNames: ReadonlyMap<string, string> = new Map([
  ["project", "of the project"],
  ["ceiling", "of the ceiling"],
  ["requirements", "of the organisation"],
]);

function layerText(layer: string, profile: Profile): readonly string[] {
  const { filesystem, network, environment, limits, protect } = profile;
  const listed = filesystem.entries.filter(({ origin }) => origin === "credential");
  const written = filesystem.entries.filter(({ origin }) => origin !== "credential");
  return [
    `layer ${layerNames.get(layer) ?? "of yours"}: ${escapeText(profile.name)}`,
    ...table([
      [`files     ${filesystem.kind}`, null],
      ...(listed.length === 0
        ? []
        : [[`  ${listed.length} credential paths denied; --json lists them`, null] as const]),
      ...written.map(({ text, provenance }) => [`  ${escapeText(text)}`, provenance] as const),
      [`network   ${network.mode}`, network.modeProvenance],
      ...network.domains.map(
        ({ pattern, access, provenance }) => [`  ${escapeText(pattern)} ${access}`, provenance] as const,
      ),
      ...network.http.map((rule) => [`  ${requestText(rule)}`, rule.provenance] as const),
      ...network.credentials.map((rule) => [`  ${credentialText(rule)}`, rule.provenance] as const),
      ...network.unixSockets.map(
        ({ path, access, provenance }) => [`  ${escapeText(path)} ${access}`, provenance] as const,
      ),
      ...(network.bundles.length === 0 ? [] : [[`  bundles ${names(network.bundles)}`, null] as const]),
      [`variables inherit ${environment.inherit}`, environment.provenance],
      ...(environment.include.length === 0 ? [] : [[`  include ${names(environment.include)}`, null] as const]),
      ...(environment.exclude.length === 0 ? [] : [[`  exclude ${names(environment.exclude)}`, null] as const]),
      ...(environment.set.size === 0 ? [] : [[`  set ${names(environment.set.keys())}`, null] as const]),
      [`protect   git ${protect.git}, missing ${protect.missing}`, protect.provenance],
      ...(protect.off.size === 0 ? [] : [[`  off ${names(protect.off)}`, null] as const]),
    ]),
    `limits    time ${quantity(limits.wallTime, formatDuration)}, memory ${quantity(limits.memory, formatSize)}, processes ${count(limits.processes)}, open files ${count(limits.openFiles)}`,
    `          questions ${quantity(limits.maxPause, formatDuration)}, tmp ${size(limits.tmpSize)}, home ${size(limits.homeSize)}, shm ${size(limits.shmSize)}`,
  ];
}

/** Which requests: of any method, to any path, where nothing is said. */
function requestText({ pattern, methods, paths }: Omit<HttpRule, "provenance">): string {
  const words = [methods?.join(",") ?? "any method", paths?.join(" ") ?? "any path"];
  return `requests to ${escapeText(pattern)}: ${words.map(escapeText).join(", ")}`;
}

/** Where it goes and where it comes from; what it is nobody gets to see. */
function credentialText({ name, host, port, methods, paths, header, from }: CredentialRule): string {
  const source = from.kind === "env" ? from.name : from.kind === "file" ? from.path : `${from.service}/${from.account}`;
  const place = requestText({ pattern: `${host}:${port}`, methods, paths });
  return `credential ${escapeText(name)} (${from.kind}:${escapeText(source)}) as ${escapeText(header)} of ${place}`;
}

/** Two columns: what, and where it was said. */
function table(rows: readonly (readonly [text: string, from: Provenance | null])[]): readonly string[] {
  const width = Math.min(56, Math.max(...rows.map(([text]) => text.length)));
  return rows.map(([text, from]) => (from === null ? text : `${text.padEnd(width)}  ${provenanceText(from)}`));
}

function names(words: Iterable<string>): string {
  return [...words].map(escapeText).join(" ");
}

function size(value: number): string {
  return quantity(value, formatSize);
}

function count(value: number): string {
  return quantity(value, String);
}

function quantity(value: number | "auto" | null, format: (amount: number) => string): string {
  // A project's layer sets no limit but the ones it names.
  if (value === null || value === Infinity) return "no limit";
  return value === "auto" ? "75 % of the machine" : format(value);
}
