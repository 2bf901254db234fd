/** What PID 1 says on the channel of the door (`native/linux/PROTOCOL.md`), each with or without a socket. */
export type DoorMessage =
  | { readonly kind: "entrance"; readonly entrance: EntranceKind; readonly port: number }
  /** No more will come. */
  | { readonly kind: "complete" }
  | { readonly kind: "dialled"; readonly dial: number; readonly errno: number | null };

export type EntranceKind = "door" | "tcp" | "dns-udp" | "dns-tcp";

const ENTRANCES: readonly unknown[] = ["door", "tcp", "dns-udp", "dns-tcp"] satisfies readonly EntranceKind[];

/** Null for what is none of these. */
export function doorMessage(value: unknown): DoorMessage | null {
  if (typeof value !== "object" || value === null) return null;
  if ("entrances" in value) return isCount(value.entrances) ? { kind: "complete" } : null;
  if ("dial" in value) {
    if (!isCount(value.dial)) return null;
    const errno = "errno" in value ? value.errno : null;
    return errno === null || isCount(errno) ? { kind: "dialled", dial: value.dial, errno } : null;
  }
  if (!("entrance" in value && "port" in value)) return null;
  const { entrance, port } = value;
  return isEntrance(entrance) && isCount(port) ? { kind: "entrance", entrance, port } : null;
}

function isEntrance(value: unknown): value is EntranceKind {
  return ENTRANCES.includes(value);
}

function isCount(value: unknown): value is number {
  return Number.isSafeInteger(value) && Number(value) >= 0;
}
