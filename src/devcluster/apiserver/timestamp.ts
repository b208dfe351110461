/** Times as objects carry them. */

/** The time as objects carry it: UTC, whole seconds. */
export function timestamp(ms: number = Date.now()): string {
  return new Date(ms).toISOString().slice(0, 19) + "Z";
}
