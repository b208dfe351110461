/** Who may ask the kubelet's endpoint. */
import { ownerOfConnection } from "./peer.ts";

/** Who may read logs and run commands. */
export type EndpointAccess =
  /** Whoever sends this bearer token. */
  | { readonly kind: "token"; readonly token: string }
  /** Processes of this user and of root, for API servers that show a certificate or nothing at all. */
  | { readonly kind: "sameUser" }
  | { readonly kind: "anyone" };

/** Where a request comes from. */
export interface Caller {
  /** The header `Authorization`; "" for none. */
  readonly authorization: string;
  readonly peerPort: number;
  readonly ownPort: number;
}

export async function isAllowed(caller: Caller, access: EndpointAccess): Promise<boolean> {
  switch (access.kind) {
    case "anyone":
      return true;
    case "token":
      return await isSame(caller.authorization, `Bearer ${access.token}`);
    case "sameUser": {
      const owner = await ownerOfConnection(caller.peerPort, caller.ownPort);
      return owner !== undefined && (owner === 0 || owner === Deno.uid());
    }
  }
}

/** Compares without telling by its time how much was right. */
async function isSame(one: string, other: string): Promise<boolean> {
  const digest = (text: string) => crypto.subtle.digest("SHA-256", new TextEncoder().encode(text));
  const [a, b] = await Promise.all([digest(one), digest(other)]);
  const [left, right] = [new Uint8Array(a), new Uint8Array(b)];
  return left.reduce((difference, byte, at) => difference | (byte ^ (right[at] ?? 0)), 0) === 0;
}
