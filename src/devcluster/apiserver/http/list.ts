/** Lists: selectors, pages, versions. */
import type { Cluster } from "../cluster.ts";
import type { JsonObject } from "../json.ts";
import type { ResourceType } from "../registry.ts";
import { storageKey } from "../resources.ts";
import { both, parseFieldSelector, parseLabelSelector, type Test } from "../selectors.ts";
import { badRequest, expired, StatusError } from "../status.ts";
import { objectKey, type Stored } from "../store.ts";
import { keyOfStored } from "../collection.ts";
import { integerOf, versionOf } from "./request.ts";

/** Which objects are meant. */
export interface Selection {
  readonly namespace: string;
  readonly test: Test | undefined;
  /** Set when only one name can match. */
  readonly name: string | undefined;
}

/** Reads the selectors of a list, watch or deletecollection. @throws {StatusError} 400 */
export function parseSelection(
  type: ResourceType,
  namespace: string,
  name: string,
  query: URLSearchParams,
): Selection {
  const labels = parseLabelSelector(query.get("labelSelector") ?? "");
  const fields = parseFieldSelector(
    query.get("fieldSelector") ?? "",
    storageKey(type.info),
    type.custom?.selectableFields,
  );
  const wanted = name === "" ? fields?.name : name;
  const named: Test | undefined = name === ""
    ? undefined
    : ({ metadata }) => metadata.name === name;
  return { namespace, test: both(both(labels, fields?.test), named), name: wanted };
}

/** One page of a list. */
export interface Page {
  readonly items: readonly Stored[];
  readonly metadata: JsonObject;
}

/** Where a list goes on. */
interface Continue {
  /** undefined: in whatever version there is. */
  readonly version: number | undefined;
  readonly after: string;
}

/** Answers a list request. @throws {StatusError} 400, 410 or 504 as the real server does. */
export function listPage(
  cluster: Cluster,
  type: ResourceType,
  selection: Selection,
  query: URLSearchParams,
): Page {
  const collection = cluster.collectionOf(type);
  const wanted = versionOf(query);
  // From its cache the real server gives everything, whatever the limit.
  const limit = wanted === 0 ? 0 : integerOf(query, "limit") ?? 0;
  const from = parseContinue(query.get("continue"));
  integerOf(query, "timeoutSeconds");
  if (from !== undefined && wanted !== undefined && wanted !== 0) {
    throw badRequest("specifying resource version is not allowed when using continue");
  }
  checkVersion(cluster, wanted);
  const exact = query.get("resourceVersionMatch") === "Exact" ? wanted : undefined;
  const at = from?.version ?? exact;
  if (at !== undefined && at < collection.forgottenVersion) throw forgotten(from);
  const version = at ?? cluster.store.version;
  const all = at !== undefined
    ? collection.listAt(selection.namespace, at)
    : selection.name !== undefined && selection.namespace !== ""
    ? oneOf(collection.get(objectKey(selection.namespace, selection.name)))
    : collection.list(selection.namespace);
  const { test } = selection;
  const matching = test === undefined ? all : all.filter(({ value }) => test(value));
  const start = from === undefined
    ? 0
    : matching.findIndex((stored) => keyOfStored(stored) > from.after);
  const rest = start === -1 ? [] : start === 0 ? matching : matching.slice(start);
  const items = limit > 0 ? rest.slice(0, limit) : rest;
  const last = items.at(-1);
  const more = items.length < rest.length && last !== undefined;
  const metadata: JsonObject = { resourceVersion: String(version) };
  if (more) {
    metadata.continue = formatContinue({ version, after: keyOfStored(last) });
    // With a selector the real server does not count what is left.
    if (test === undefined) metadata.remainingItemCount = rest.length - items.length;
  }
  return { items, metadata };
}

function oneOf(stored: Stored | undefined): readonly Stored[] {
  return stored === undefined ? [] : [stored];
}

function formatContinue({ version, after }: Continue): string {
  return new TextEncoder().encode(JSON.stringify({ v: version, k: after }))
    .toBase64({ alphabet: "base64url", omitPadding: true });
}

function parseContinue(token: string | null): Continue | undefined {
  if (token === null || token === "") return undefined;
  let why = "no such token";
  try {
    const bytes = Uint8Array.fromBase64(token, { alphabet: "base64url" });
    const { v, k } = JSON.parse(new TextDecoder().decode(bytes));
    if ((v === undefined || typeof v === "number") && typeof k === "string") {
      return { version: v, after: k };
    }
  } catch (error) {
    why = error instanceof Error ? error.message : String(error);
  }
  throw badRequest(`invalid continue token: continue key is not valid: ${why}`);
}

/** A list in a version that is no longer known; who has come half way may go on in the newest. */
function forgotten(from: Continue | undefined): StatusError {
  if (from === undefined) return expired("The resourceVersion for the provided list is too old.");
  return expired(INCONSISTENT, { continue: formatContinue({ ...from, version: undefined }) });
}
const INCONSISTENT =
  "The provided continue parameter is too old to display a consistent list result. You can start a new list without the continue parameter, or use the continue token in this response to retrieve the remainder of the results. Continuing with the provided token results in an inconsistent list - objects that were created, modified, or deleted between the time the first chunk was returned and now may show up in the list.";

/** @throws {StatusError} 504 for a version that is yet to come. */
export function checkVersion({ store }: Cluster, wanted: number | undefined): void {
  if (wanted !== undefined && wanted > store.version) throw tooLarge(wanted, store.version);
}

/** 504 for a version that is yet to come. */
export function tooLarge(wanted: number, current: number): StatusError {
  return new StatusError(
    504,
    "Timeout",
    `Timeout: Too large resource version: ${wanted}, current: ${current}`,
    {
      causes: [{ reason: "ResourceVersionTooLarge", message: "Too large resource version" }],
      retryAfterSeconds: 1,
    },
  );
}
