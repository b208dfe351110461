/** Request path to what is asked for. */

/** A request on a resource. */
export interface ResourcePath {
  readonly type: "resource";
  readonly group: string;
  readonly version: string;
  /** "" where none is in the path. */
  readonly namespace: string;
  readonly plural: string;
  readonly name: string;
  readonly subresource: string;
  /** The old form `/watch/…` of watching. */
  readonly watch: boolean;
}
export type ParsedPath =
  | ResourcePath
  | { readonly type: "discovery"; readonly group: string; readonly version: string }
  | { readonly type: "groups"; readonly legacy: boolean }
  | { readonly type: "group"; readonly group: string }
  | { readonly type: "other"; readonly path: string };

/** Takes a path apart: `/api/v1/namespaces/rl/pods/p/log`, `/apis/GROUP/VERSION/…`. */
export function parsePath(path: string): ParsedPath {
  const parts = path.split("/").filter((part) => part !== "").map(decode);
  const [root, ...rest] = parts;
  if (root === "api") {
    if (rest.length === 0) return { type: "groups", legacy: true };
    const [version = "", ...tail] = rest;
    return parseTail("", version, tail);
  }
  if (root === "apis") {
    const [group, version, ...tail] = rest;
    if (group === undefined) return { type: "groups", legacy: false };
    if (version === undefined) return { type: "group", group };
    return parseTail(group, version, tail);
  }
  return { type: "other", path };
}

function parseTail(group: string, version: string, parts: readonly string[]): ParsedPath {
  const watch = parts[0] === "watch";
  const tail = watch ? parts.slice(1) : parts;
  const base = { type: "resource", group, version, watch } as const;
  const [first, second, third, ...more] = tail;
  if (first === undefined) return { type: "discovery", group, version };
  const aboutNamespace = third === undefined || third === "status" || third === "finalize";
  if (first === "namespaces" && second !== undefined && !aboutNamespace) {
    const [name = "", ...sub] = more;
    return { ...base, namespace: second, plural: third, name, subresource: sub.join("/") };
  }
  const subresource = third === undefined ? "" : [third, ...more].join("/");
  return { ...base, namespace: "", plural: first, name: second ?? "", subresource };
}

function decode(part: string): string {
  try {
    return decodeURIComponent(part);
  } catch {
    return part;
  }
}
