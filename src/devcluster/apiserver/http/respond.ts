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
  const headers = new Headers({ "content-type": yaml ? "application/yaml" : "application/json" });
  for (const warning of warnings) {
    headers.append("warning", `299 - ${JSON.stringify(warning)}`);
  }
  return new Response(yaml ? stringifyYaml(JSON.parse(text)) : text, { status, headers });
}

/** The answer to a failed request; what is not foreseen shows nothing of our inside. */
export function errorResponse(error: unknown): Response {
  const known = error instanceof StatusError
    ? error
    : new StatusError(500, "InternalError", "Internal error occurred");
  return jsonResponse(JSON.stringify(known), { status: known.code });
}

export function textResponse(text: string, status = 200): Response {
  return new Response(text, { status, headers: { "content-type": "text/plain; charset=utf-8" } });
}

/** The answer for paths that nothing serves. */
export function pageNotFound(): Response {
  return textResponse("404 page not found\n", 404);
}
