/** What is allowed: the model, reading it from configuration, resolving it for a machine, and the oracle. */
export type { BoundPolicy } from "./model/bound.ts";
export { requireBackend, requireBound, requireMode, sealedBounds, sealPolicy, withOwnProfile } from "./model/bound.ts";
export type { Bounds } from "./model/bound.ts";
export type * from "./model/decision.ts";
export type * from "./model/journal.ts";
export type * from "./model/mcp.ts";
export type * from "./model/model.ts";
export type * from "./model/resolved.ts";
export type * from "./model/rule.ts";
export type { ErrorCode, ErrorDetail } from "./words/error.ts";
export type { AbsolutePath } from "./names/path.ts";
export type { AddressBlock } from "./names/address.ts";
export type { DomainPattern, Host } from "./names/host.ts";
export type { RawAccess, RawLegacySettings, RawProfile, RawSandboxPolicy } from "./read/schema.ts";
export type { ProvenanceOf } from "./words/place.ts";
export type { HandOffList, CredentialPath } from "./model/lists.ts";
export { SandboxedError } from "./words/error.ts";
export { escapeText } from "./words/escape.ts";
export { utcText } from "./words/utc.ts";
export { codeOf } from "./words/system-code.ts";
export { inBlock, parseAddress, parseBlock } from "./names/address.ts";
export { covers, parseDomainPattern, parseHost } from "./names/host.ts";
export { at, locating, placeOf, provenanceText } from "./words/place.ts";
export { answerOf, operations, readQuery, showQuery } from "./words/query-text.ts";
export {
  absolutePath,
  components,
  isWithin,
  joinPath,
  knownNormal,
  normalise,
  parentPath,
  rootPath,
} from "./names/path.ts";
export { didYouMean, nearest } from "./words/nearest.ts";
export { formatDuration, formatSize, parseDuration, parseSize } from "./words/quantity.ts";
export { expandBraces } from "./names/braces.ts";
export { checkPattern, compileGlob } from "./names/glob.ts";
export { parseSegment } from "./names/segment.ts";
export type { Segment } from "./names/segment.ts";
export { isForeign } from "./decide/effective.ts";
export { entryFrom } from "./model/target.ts";
export { readProfile } from "./read/profile.ts";
export { readLegacy } from "./read/legacy.ts";
export { applyPatch, mergePatches } from "./model/patch.ts";
export type { SandboxMode } from "./model/mode.ts";
export type { FilteredEnvironment } from "./decide/environment.ts";
export { builtinProfile, builtinProfileNames, emptyProfile, selectProfile } from "./read/profiles.ts";
export { credentialPaths, handOffCategory, handOffLists, protectedNames } from "./model/lists.ts";
export { mode } from "./model/mode.ts";
export { filterEnvironment, isSecretVariable } from "./decide/environment.ts";
export { resolve, withProtectedPaths } from "./resolve/resolve.ts";
export { credentialsOf } from "./decide/credentials.ts";
export { needsInterception } from "./decide/interception.ts";
export { compile } from "./decide/oracle.ts";
