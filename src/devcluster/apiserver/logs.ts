/** Logs of pods, fetched from the kubelet of the pod's node. */
import type { Cluster } from "./cluster.ts";
import {
  type ApiObject,
  isObject,
  type JsonObject,
  objectOf,
  objectsOf,
  stringOf,
} from "./json.ts";
import { builtIn } from "./resources.ts";
import { badRequest, notFound, StatusError } from "./status.ts";
import { objectKey } from "./store.ts";

const NODES = builtIn("", "nodes");
const SECRETS = builtIn("", "secrets");
/** Annotation of a node: base64 of the authority that signed its kubelet's certificate. */
const CA_ANNOTATION = "kubelet.di-orchestrator/ca";
const KUBELET_SECRET = objectKey("kube-system", "kubelet-access");

/** Query parameters that the kubelet gets as well. */
const PASSED_ON = [
  "follow",
  "limitBytes",
  "previous",
  "sinceSeconds",
  "sinceTime",
  "stream",
  "tailLines",
  "timestamps",
];

export interface LogRequest {
  readonly container: string;
  readonly previous: boolean;
  /** For the kubelet. */
  readonly query: URLSearchParams;
}

export function parseLogRequest(query: URLSearchParams): LogRequest {
  const passed = new URLSearchParams();
  for (const name of PASSED_ON) {
    const value = query.get(name);
    if (value !== null && value !== "") passed.set(name, value);
  }
  const previous = query.get("previous");
  return {
    container: query.get("container") ?? "",
    previous: previous === "true" || previous === "1",
    query: passed,
  };
}

/**
 * The container whose logs are meant.
 *
 * @throws {StatusError} 400 when there are several to choose from, or none of that name.
 */
export function chooseContainer(pod: ApiObject, wanted: string): string {
  const spec = objectOf(pod.spec);
  const names = (value: unknown) => objectsOf(value).map(({ name }) => stringOf(name));
  const containers = names(spec.containers);
  const init = names(spec.initContainers);
  const { name } = pod.metadata;
  if (wanted !== "") {
    if ([...containers, ...init].includes(wanted)) return wanted;
    throw badRequest(`container ${wanted} is not valid for pod ${name}`);
  }
  const preferred = pod.metadata.annotations?.["kubectl.kubernetes.io/default-container"];
  if (preferred !== undefined && containers.includes(preferred)) return preferred;
  const [only] = containers;
  if (only !== undefined && containers.length === 1 && init.length === 0) return only;
  const choices = `choose one of: [${containers.join(" ")}]`;
  const others = init.length === 0 ? "" : ` or one of the init containers: [${init.join(" ")}]`;
  throw badRequest(
    `a container name must be specified for pod ${name}, ${choices}${others}`,
  );
}

/** Why a container has no logs yet; undefined when it has, or may have. */
export function whyNoLogs(pod: ApiObject, container: string): string | undefined {
  const status = objectOf(pod.status);
  const found = [
    ...objectsOf(status.containerStatuses),
    ...objectsOf(status.initContainerStatuses),
  ].find(({ name }) => name === container);
  const state = objectOf(found?.state);
  if (!isObject(state.waiting)) return undefined;
  // After a crash the last run's logs are still there.
  if (isObject(objectOf(found?.lastState).terminated)) return undefined;
  const reason = stringOf(state.waiting.reason);
  const because = reason === "ErrImagePull" || reason === "ImagePullBackOff"
    ? `trying and failing to pull image`
    : `waiting to start: ${reason}`;
  return `container "${container}" in pod "${pod.metadata.name}" is ${because}`;
}

/**
 * Answers with the log as the kubelet sends it, for as long as it sends.
 *
 * @param stopping Aborts when the server stops. A client that hangs up ends the answer's stream, and
 *   that ends the kubelet's.
 */
export async function readLogs(
  cluster: Cluster,
  pod: ApiObject,
  request: LogRequest,
  stopping: AbortSignal,
): Promise<Response> {
  const container = chooseContainer(pod, request.container);
  const nodeName = stringOf(objectOf(pod.spec).nodeName);
  // A pod without a node has no logs: the real server answers with nothing.
  if (nodeName === "") return new Response(null, { status: 204 });
  const reason = whyNoLogs(pod, container);
  if (reason !== undefined) throw badRequest(reason);
  const node = cluster.store.collection(NODES).get(objectKey("", nodeName))?.value;
  // The real server blames the pod's resource here too.
  if (node === undefined) throw notFound({ group: "", plural: "pods" }, nodeName);

  const { namespace = "", name = "" } = pod.metadata;
  const path = ["containerLogs", namespace, name, container].map(encodeURIComponent).join("/");
  const query = request.query.size === 0 ? "" : `?${request.query}`;
  const url = `https://${kubeletAddress(node)}/${path}${query}`;
  const ca = node.metadata.annotations?.[CA_ANNOTATION];
  const client = Deno.createHttpClient(ca === undefined ? {} : { caCerts: [atob(ca)] });
  try {
    const answer = await fetch(url, {
      client,
      headers: { authorization: `Bearer ${kubeletToken(cluster)}` },
      signal: stopping,
    });
    const { body, status } = answer;
    if (!answer.ok) throw new StatusError(status, "", await answer.text());
    const headers = { "content-type": "text/plain" };
    if (body === null) {
      client.close();
      return new Response("", { headers });
    }
    return new Response(closingAfter(body, client), { headers });
  } catch (error) {
    client.close();
    if (error instanceof StatusError) throw error;
    const why = error instanceof Error ? error.message : String(error);
    throw internal(`Get ${JSON.stringify(url)}: ${why}`);
  }
}

function internal(message: string): StatusError {
  return new StatusError(500, "InternalError", message);
}

function kubeletAddress(node: ApiObject): string {
  const status = objectOf(node.status);
  const address = objectsOf(status.addresses).find(({ type }) => type === "InternalIP")?.address;
  const endpoint: JsonObject = objectOf(objectOf(status.daemonEndpoints).kubeletEndpoint);
  if (typeof address !== "string") {
    throw internal(`no preferred addresses found; known addresses: []`);
  }
  const host = address.includes(":") ? `[${address}]` : address;
  return `${host}:${endpoint.Port ?? 10250}`;
}

function kubeletToken(cluster: Cluster): string {
  const secret = cluster.store.collection(SECRETS).get(KUBELET_SECRET)?.value;
  return atob(stringOf(objectOf(secret?.data).token));
}

/** The same bytes; the connection goes with their end. */
function closingAfter(
  body: ReadableStream<Uint8Array>,
  client: Deno.HttpClient,
): ReadableStream<Uint8Array> {
  const reader = body.getReader();
  return new ReadableStream({
    async pull(controller) {
      try {
        const { value, done } = await reader.read();
        if (!done) return controller.enqueue(value);
        controller.close();
      } catch {
        // Cut off: the client sees the end of the log.
        controller.close();
      }
      client.close();
    },
    async cancel(reason) {
      await reader.cancel(reason).catch(() => {});
      client.close();
    },
  });
}
