/** How this server reaches the kubelet of a node, and shows itself there. */
import type { Cluster } from "./cluster.ts";
import { type ApiObject, type JsonObject, objectOf, objectsOf, stringOf } from "./json.ts";
import { builtIn } from "./resources.ts";
import { notFound, StatusError } from "./status.ts";
import { objectKey } from "./store.ts";

const NODES = builtIn("", "nodes");
const SECRETS = builtIn("", "secrets");
/** Annotation of a node: base64 of the authority that signed its kubelet's certificate. */
const CA_ANNOTATION = "kubelet.di-orchestrator/ca";
const KUBELET_SECRET = objectKey("kube-system", "kubelet-access");

export interface KubeletAccess {
  readonly hostname: string;
  readonly port: number;
  /** PEM; undefined to trust whom the system trusts. */
  readonly caPem: string | undefined;
  /** The header `Authorization`. */
  readonly authorization: string;
}

/** @throws {StatusError} 404 without such a node, 500 when it has no address. */
export function kubeletOf(cluster: Cluster, nodeName: string): KubeletAccess {
  const node = cluster.store.collection(NODES).get(objectKey("", nodeName))?.value;
  // The real server blames the pod's resource too.
  if (node === undefined) throw notFound({ group: "", plural: "pods" }, nodeName);
  const ca = node.metadata.annotations?.[CA_ANNOTATION];
  return {
    ...addressOf(node),
    caPem: ca === undefined ? undefined : atob(ca),
    authorization: `Bearer ${kubeletToken(cluster)}`,
  };
}

/** `HOST:PORT` as it stands in a URL. */
export function authorityOf({ hostname, port }: KubeletAccess): string {
  return `${hostname.includes(":") ? `[${hostname}]` : hostname}:${port}`;
}

/** What a kubelet that cannot be asked makes of a request. */
export function kubeletFailure(url: string, error: unknown): StatusError {
  const why = error instanceof Error ? error.message : String(error);
  return internal(`Get ${JSON.stringify(url)}: ${why}`);
}

function internal(message: string): StatusError {
  return new StatusError(500, "InternalError", message);
}

function addressOf(node: ApiObject): { hostname: string; port: number } {
  const status = objectOf(node.status);
  const address = objectsOf(status.addresses).find(({ type }) => type === "InternalIP")?.address;
  const endpoint: JsonObject = objectOf(objectOf(status.daemonEndpoints).kubeletEndpoint);
  if (typeof address !== "string") {
    throw internal(`no preferred addresses found; known addresses: []`);
  }
  return { hostname: address, port: Number(endpoint.Port ?? 10250) };
}

function kubeletToken(cluster: Cluster): string {
  const secret = cluster.store.collection(SECRETS).get(KUBELET_SECRET)?.value;
  return atob(stringOf(objectOf(secret?.data).token));
}
