/** A collector of OpenTelemetry's spans, as far as tests need one: OTLP over HTTP, in JSON. */
import * as z from "zod";

export interface CollectedSpan {
  readonly name: string;
  /** 32 hexadecimal digits. */
  readonly traceId: string;
  /** Those that are texts. */
  readonly attributes: Readonly<Record<string, string>>;
}

export interface TraceCollector {
  /** `http://127.0.0.1:PORT`, for `OTEL_EXPORTER_OTLP_ENDPOINT`. */
  readonly url: string;
  readonly spans: readonly CollectedSpan[];
  stop(): Promise<void>;
}

const ATTRIBUTE = z.object({
  key: z.string(),
  value: z.object({ stringValue: z.string().optional() }),
});
const SPAN = z.object({
  name: z.string(),
  traceId: z.string(),
  attributes: z.array(ATTRIBUTE).default([]),
});
const EXPORT = z.object({
  resourceSpans: z.array(z.object({
    scopeSpans: z.array(z.object({ spans: z.array(SPAN) })),
  })),
});

/** Takes what is sent to `/v1/traces`; metrics and logs are taken and forgotten. */
export function startTraceCollector(): TraceCollector {
  const spans: CollectedSpan[] = [];
  const options = { hostname: "127.0.0.1", port: 0, onListen: () => {} };
  const server = Deno.serve(options, async (request) => {
    const text = await request.text();
    if (new URL(request.url).pathname === "/v1/traces") spans.push(...parseSpans(text));
    return Response.json({});
  });
  return {
    url: `http://127.0.0.1:${server.addr.port}`,
    spans,
    stop: () => server.shutdown(),
  };
}

function parseSpans(text: string): CollectedSpan[] {
  const { resourceSpans } = EXPORT.parse(JSON.parse(text));
  return resourceSpans.flatMap(({ scopeSpans }) => scopeSpans).flatMap(({ spans }) => spans)
    .map(({ name, traceId, attributes }) => ({
      name,
      traceId,
      attributes: Object.fromEntries(
        attributes.flatMap(({ key, value }) =>
          value.stringValue === undefined ? [] : [[key, value.stringValue]]
        ),
      ),
    }));
}
