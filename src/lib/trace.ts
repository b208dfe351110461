/** Pieces of work that can be told apart: in every log line by `traceId`, and as spans under OTEL_DENO. */
import { withContext } from "@logtape/logtape";
import { type Span, SpanStatusCode, trace } from "@opentelemetry/api";

const TRACER = trace.getTracer("di-orchestrator");

/**
 * Does `work` as a span of that name, inside the one at work if there is one. Lines that it logs carry
 * `fields` and `traceId`: the trace's where OpenTelemetry is on (`OTEL_DENO=true`), else one of its own.
 *
 * @param fields Also the span's attributes, below `di.`.
 */
export function traced<T>(
  name: string,
  fields: Readonly<Record<string, string>>,
  work: () => Promise<T>,
): Promise<T> {
  const attributes = Object.fromEntries(
    Object.entries(fields).map(([key, value]) => [`di.${key}`, value]),
  );
  return TRACER.startActiveSpan(name, { attributes }, async (span) => {
    try {
      return await withContext({ ...fields, traceId: traceIdOf(span) }, work);
    } catch (error) {
      span.setStatus({ code: SpanStatusCode.ERROR, message: String(error) });
      throw error;
    } finally {
      span.end();
    }
  });
}

/** 32 hexadecimal digits. */
function traceIdOf(span: Span): string {
  return span.isRecording() ? span.spanContext().traceId : crypto.randomUUID().replaceAll("-", "");
}
