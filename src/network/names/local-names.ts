/** Names that mean the own machine and are never asked for anywhere (RFC 6761). `name` is canonical. */
export function isLocalName(name: string): boolean {
  return name === "localhost" || name.endsWith(".localhost");
}
