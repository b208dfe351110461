/** Logs of containers, as the kubelet's endpoint gives them. */
import { type EndpointRequest, type EndpointRoute, textResponse } from "./endpoint.ts";
import type { LogFile } from "./log_file.ts";
import { type LogQuery, LogQueryError, parseLogQuery, readLog } from "./log_read.ts";

/** Names one container of this node. */
export interface ContainerPlace {
  readonly namespace: string;
  readonly pod: string;
  readonly container: string;
}

/** What is known of a container's logs: `found` may lack a log when nothing has run yet. */
export type LogLookup =
  | { readonly kind: "found"; readonly log: LogFile | undefined }
  | { readonly kind: "noPod" }
  | { readonly kind: "noContainer" };

/** `/containerLogs/NAMESPACE/POD/CONTAINER` */
export function logRoute(
  lookup: (where: ContainerPlace, previous: boolean) => LogLookup,
): EndpointRoute {
  return { methods: ["GET"], answer: (request) => answerLogs(request, lookup) };
}

function answerLogs(
  { segments, query: parameters }: EndpointRequest,
  lookup: (where: ContainerPlace, previous: boolean) => LogLookup,
): Response {
  const where = parseContainerPlace(segments);
  if (where === undefined) return textResponse(404, "404 page not found");
  const { pod, container } = where;
  try {
    const query = parseLogQuery(parameters, Date.now());
    const found = lookup(where, query.previous);
    if (found.kind === "noPod") return textResponse(404, `pod "${pod}" not found on this node`);
    if (found.kind === "noContainer") {
      return textResponse(404, `container "${container}" not found in pod "${pod}"`);
    }
    if (found.log !== undefined) return logResponse(found.log, query);
    const which = query.previous ? "previous terminated container" : "container";
    const state = query.previous ? "not found" : "is waiting to start";
    return textResponse(400, `${which} "${container}" in pod "${pod}" ${state}`);
  } catch (error) {
    if (error instanceof LogQueryError) return textResponse(400, error.message);
    throw error;
  }
}

/** Undefined when the path has too few parts, or too many. */
export function parseContainerPlace(segments: readonly string[]): ContainerPlace | undefined {
  const [namespace = "", pod = "", container = "", ...rest] = segments;
  return container === "" || rest.length > 0 ? undefined : { namespace, pod, container };
}

function logResponse(log: LogFile, query: LogQuery): Response {
  const closed = new AbortController();
  const lines = readLog(log, query, closed.signal);
  const body = new ReadableStream<Uint8Array<ArrayBuffer>>({
    async pull(controller) {
      const { value, done } = await lines.next();
      if (!done) return controller.enqueue(value);
      controller.close();
    },
    async cancel() {
      closed.abort();
      await lines.return();
    },
  });
  return new Response(body, { headers: { "content-type": "text/plain" } });
}
