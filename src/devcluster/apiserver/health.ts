/** `/healthz`, `/livez`, `/readyz`: the server is well as long as it answers. */
import { pageNotFound, textResponse } from "./http/respond.ts";

const ENDPOINTS: ReadonlySet<string> = new Set(["healthz", "livez", "readyz"]);
/** The checks of a server that has nothing behind it. */
const CHECKS: readonly string[] = ["ping"];

/**
 * Answers health requests: `verbose` names the checks, `exclude` leaves some out, and a check has a
 * path of its own.
 *
 * @param pathname Without a slash at its end.
 * @returns undefined for other paths.
 */
export function healthResponse(pathname: string, query: URLSearchParams): Response | undefined {
  const [, endpoint = "", check, more] = pathname.split("/");
  if (!ENDPOINTS.has(endpoint)) return undefined;
  if (check !== undefined) {
    return more === undefined && CHECKS.includes(check) ? textResponse("ok") : pageNotFound();
  }
  if (!query.has("verbose")) return textResponse("ok");
  const excluded = query.getAll("exclude");
  const unknown = excluded.filter((name) => !CHECKS.includes(name)).map((name) => `"${name}"`);
  return textResponse([
    ...CHECKS.map((name) => `[+]${name} ${excluded.includes(name) ? "excluded: ok" : "ok"}`),
    ...(unknown.length > 0
      ? [`warn: some health checks cannot be excluded: no matches for ${unknown.join(", ")}`]
      : []),
    `${endpoint} check passed\n`,
  ].join("\n"));
}
