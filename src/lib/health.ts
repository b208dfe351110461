/** Endpoints that say whether a process is well, check by check; in the form that Kubernetes' own have. */

export interface HealthCheck {
  /** A word that may stand in a path. */
  readonly name: string;
  /** What is wrong; undefined: nothing. */
  readonly failure: () => string | undefined;
}

/**
 * The answer of the endpoint `path` (such as `/readyz`), and of `path/NAME` for one check alone. 200 when
 * all hold, else 500 with a line for each; with `?verbose` the lines come with 200 too. `?exclude=NAME`
 * leaves a check out.
 *
 * @returns undefined for a URL that is not below `path`.
 */
export function answerHealth(
  { pathname, searchParams }: URL,
  path: string,
  checks: readonly HealthCheck[],
): Response | undefined {
  if (pathname !== path && !pathname.startsWith(`${path}/`)) return undefined;
  const wanted = pathname.slice(path.length + 1);
  const excluded = searchParams.getAll("exclude");
  const asked = wanted === ""
    ? checks.filter(({ name }) => !excluded.includes(name))
    : checks.filter(({ name }) => name === wanted);
  if (wanted !== "" && asked.length === 0) {
    return new Response(`no check is called ${JSON.stringify(wanted)}\n`, { status: 404 });
  }
  const results = asked.map(({ name, failure }) => ({ name, failure: failure() }));
  const isWell = results.every(({ failure }) => failure === undefined);
  if (isWell && !searchParams.has("verbose")) return new Response("ok");
  const lines = results.map(({ name, failure }) =>
    failure === undefined ? `[+]${name} ok` : `[-]${name} failed: ${failure}`
  );
  lines.push(`${path.slice(1)} check ${isWell ? "passed" : "failed"}`);
  return new Response(`${lines.join("\n")}\n`, { status: isWell ? 200 : 500 });
}
