/** Stands before the server, so that a test can kill it exactly between two requests. */

export interface ServerGate {
  /** `host:port` that clients are led to. */
  readonly host: string;
  /** Requests answered so far. */
  readonly answered: () => number;
  stop(): Promise<void>;
}

/**
 * Forwards requests to `serverUrl`, one after the other, and calls `between` after each answer while
 * none is at work. A server that is away is a 502 without a body that means anything.
 */
export function startServerGate(
  serverUrl: string,
  between: (answered: number) => Promise<void>,
): ServerGate {
  let answered = 0;
  let last: Promise<unknown> = Promise.resolve();
  const forward = async (request: Request, body: ArrayBuffer): Promise<Response> => {
    const { pathname, search } = new URL(request.url);
    try {
      const response = await fetch(serverUrl + pathname + search, {
        method: request.method,
        ...(request.method !== "GET" && { body }),
        signal: AbortSignal.timeout(30_000),
      });
      const text = await response.text();
      await between(++answered);
      return new Response(text, { status: response.status, headers: response.headers });
    } catch (error) {
      return new Response(`no answer from the server: ${error}`, { status: 502 });
    }
  };
  const server = Deno.serve({ hostname: "127.0.0.1", port: 0, onListen: () => {} }, (request) => {
    const answer = Promise.all([request.arrayBuffer(), last])
      .then(([body]) => forward(request, body));
    last = answer;
    return answer;
  });
  return {
    host: `127.0.0.1:${server.addr.port}`,
    answered: () => answered,
    stop: () => server.shutdown(),
  };
}
