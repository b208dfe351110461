/** `exec`, `attach` and `portforward` of pods: connections that are handed on to the node's kubelet. */
import type { Cluster } from "./cluster.ts";
import { type ApiObject, objectOf, stringOf } from "./json.ts";
import { type KubeletAccess, kubeletOf } from "./kubelet_access.ts";
import { chooseContainer } from "./pod_containers.ts";
import { badRequest } from "./status.ts";

/** Where a connection is to go on. */
export interface StreamTarget {
  readonly kubelet: KubeletAccess;
  /** Path and query. */
  readonly path: string;
}

/** The answer that hands the client's connection on; where that cannot be done, it says so. */
export class StreamResponse extends Response {
  constructor(readonly target: StreamTarget) {
    const status = badRequest("only the first request on a connection can upgrade it");
    super(JSON.stringify(status), {
      status: status.code,
      headers: { "content-type": "application/json" },
    });
  }
}

/** The kubelet's name for a subresource, and its names for the parameters. */
interface StreamKind {
  readonly path: string;
  readonly ofContainer: boolean;
  readonly parameters: Readonly<Record<string, string>>;
}

const STREAMS = { stdin: "input", stdout: "output", stderr: "error", tty: "tty" };
const KINDS: Readonly<Record<string, StreamKind>> = {
  exec: { path: "exec", ofContainer: true, parameters: { ...STREAMS, command: "command" } },
  attach: { path: "attach", ofContainer: true, parameters: STREAMS },
  portforward: { path: "portForward", ofContainer: false, parameters: { ports: "port" } },
};

export function isStream(subresource: string): boolean {
  return Object.hasOwn(KINDS, subresource);
}

/**
 * Looks up where a connection to a pod goes.
 *
 * @param upgrade What the client wants to speak instead of HTTP; null for nothing.
 * @throws {StatusError} 400 without a container, a command, a node or an upgrade.
 */
export function answerStream(
  cluster: Cluster,
  pod: ApiObject,
  subresource: string,
  query: URLSearchParams,
  upgrade: string | null,
): StreamResponse {
  const kind = KINDS[subresource];
  if (kind === undefined) throw badRequest(`${subresource} is no stream of a pod`);
  const { namespace = "", name = "" } = pod.metadata;
  const place = [kind.path, namespace, name];
  if (kind.ofContainer) place.push(chooseContainer(pod, query.get("container") ?? ""));
  const nodeName = stringOf(objectOf(pod.spec).nodeName);
  if (nodeName === "") throw badRequest(`pod ${name} does not have a host assigned`);
  const kubelet = kubeletOf(cluster, nodeName);
  if (upgrade === null) throw badRequest("Upgrade request required");
  if (subresource === "exec" && !query.has("command")) {
    throw badRequest("you must specify at least one command for the container");
  }
  const path = place.map(encodeURIComponent).join("/");
  return new StreamResponse({ kubelet, path: `/${path}?${kubeletQuery(query, kind.parameters)}` });
}

function kubeletQuery(
  query: URLSearchParams,
  names: Readonly<Record<string, string>>,
): URLSearchParams {
  const passed = new URLSearchParams();
  for (const [name, value] of query) {
    const known = Object.hasOwn(names, name) ? names[name] : undefined;
    if (known === undefined) continue;
    const isFlag = name in STREAMS;
    if (!isFlag) passed.append(known, value);
    else if (value !== "false" && value !== "0") passed.append(known, "1");
  }
  return passed;
}
