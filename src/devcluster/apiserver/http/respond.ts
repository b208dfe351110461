/** Answers on the wire. */
import { stringify as stringifyYaml } from "yaml";
import { StatusError } from "../status.ts";

/** Sends JSON text; as YAML where the client asked for that. */
export function jsonResponse(
  text: string,
  { status = 200, warnings = [], yaml = false }: {
    readonly status?: number;
    readonly warnings?: readonly string[];
    readonly yaml?: boolean;
  } = {},
): Response {
  const response = new Response(yaml ? stringifyYaml(JSON.parse(text)) : text, {
    status,
    headers: { "content-type": yaml ? "application/yaml" : "application/json" },
  });
  for (const warning of warnings) warn(response, warning);
  return response;
}

/** Adds a warning for the user to an answer. */
export function warn({ headers }: Response, warning: string): void {
  headers.append("warning", `299 - ${JSON.stringify(warning)}`);
}

/** The answer to a failed request; what is not foreseen shows nothing of our inside. */
export function errorResponse(error: unknown): Response {
  const known = error instanceof StatusError
    ? error
    : new StatusError(500, "InternalError", "Internal error occurred");
  const response = jsonResponse(JSON.stringify(known), { status: known.code });
  const wait = known.details?.retryAfterSeconds;
  if (wait !== undefined) response.headers.set("retry-after", String(wait));
  return response;
}

export function textResponse(text: string, status = 200): Response {
  return new Response(text, { status, headers: { "content-type": "text/plain; charset=utf-8" } });
}

/** The answer for paths that nothing serves. */
export function pageNotFound(): Response {
  return textResponse("404 page not found\n", 404);
}
