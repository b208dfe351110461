/** Who is at the other end of a loopback connection, as Linux tells. */

/** `127.0.0.1` in the tables of `/proc/net`: bytes in the order of a little-endian machine. */
const LOOPBACK = "0100007F";
const LOOPBACK_IN_V6 = "0000000000000000FFFF00000100007F";

/**
 * The user id of the process that connected from `peerPort` to `ownPort` on the loopback address.
 * Undefined where the system does not tell.
 */
export async function ownerOfConnection(
  peerPort: number,
  ownPort: number,
): Promise<number | undefined> {
  for (const table of ["/proc/net/tcp", "/proc/net/tcp6"]) {
    const text = await Deno.readTextFile(table).catch(() => "");
    const owner = findOwner(text, peerPort, ownPort);
    if (owner !== undefined) return owner;
  }
  return undefined;
}

/** Finds the connection in the text of one table: local address, peer address, state, …, user. */
export function findOwner(table: string, fromPort: number, toPort: number): number | undefined {
  const from = addressesOf(fromPort);
  const to = addressesOf(toPort);
  for (const line of table.split("\n")) {
    const fields = line.trim().split(/\s+/);
    if (from.includes(fields[1] ?? "") && to.includes(fields[2] ?? "")) return Number(fields[7]);
  }
  return undefined;
}

function addressesOf(port: number): readonly string[] {
  const hex = port.toString(16).toUpperCase().padStart(4, "0");
  return [`${LOOPBACK}:${hex}`, `${LOOPBACK_IN_V6}:${hex}`];
}
