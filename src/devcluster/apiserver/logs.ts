/** Logs of pods, fetched from the kubelet of the pod's node. */
import type { Cluster } from "./cluster.ts";
import { type ApiObject, isObject, objectOf, objectsOf, stringOf } from "./json.ts";
import { authorityOf, kubeletFailure, kubeletOf } from "./kubelet_access.ts";
import { chooseContainer } from "./pod_containers.ts";
import { badRequest, StatusError } from "./status.ts";

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
  const kubelet = kubeletOf(cluster, nodeName);
  const { namespace = "", name = "" } = pod.metadata;
  const path = ["containerLogs", namespace, name, container].map(encodeURIComponent).join("/");
  const query = request.query.size === 0 ? "" : `?${request.query}`;
  const url = `https://${authorityOf(kubelet)}/${path}${query}`;
  const { caPem, authorization } = kubelet;
  const client = Deno.createHttpClient(caPem === undefined ? {} : { caCerts: [caPem] });
  try {
    const answer = await fetch(url, {
      client,
      headers: { authorization },
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
    throw kubeletFailure(url, error);
  }
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
