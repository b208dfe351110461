/** Which names a definition gets, and what its conditions say of that. */
import { type ApiObject, type JsonObject, listOf, objectOf, objectsOf, stringOf } from "../json.ts";

/** Names that two definitions of a group cannot both have: field, and reason of a conflict. */
const SINGLE = [
  ["plural", "PluralConflict"],
  ["singular", "SingularConflict"],
  ["kind", "KindConflict"],
  ["listKind", "ListKindConflict"],
] as const;

/**
 * The status of a definition among the others of its group.
 *
 * @param others Definitions whose accepted names are taken.
 * @param now As conditions show times.
 */
export function planStatus(
  definition: ApiObject,
  others: readonly ApiObject[],
  now: string,
): JsonObject {
  const status = objectOf(definition.status);
  const before = objectOf(status.acceptedNames);
  const { names, conflict } = acceptNames(
    objectOf(objectOf(definition.spec).names),
    before,
    others,
  );
  const condition = (type: string, value: boolean, reason: string, message: string) => {
    const wanted = { type, status: value ? "True" : "False", reason, message };
    const found = objectsOf(status.conditions).find((known) => known.type === type);
    const since = found?.status === wanted.status ? found.lastTransitionTime : now;
    return { lastTransitionTime: since, ...wanted };
  };
  const established = conflict === undefined
    ? condition(
      "Established",
      true,
      "InitialNamesAccepted",
      "the initial names have been accepted",
    )
    : condition(
      "Established",
      isEstablished(definition),
      "NotAccepted",
      "not all names are accepted",
    );
  const { deletionTimestamp } = definition.metadata;
  const conditions = [
    conflict === undefined
      ? condition("NamesAccepted", true, "NoConflicts", "no conflicts found")
      : condition("NamesAccepted", false, conflict.reason, conflict.message),
    established,
    ...(deletionTimestamp === undefined ? [] : [
      condition(
        "Terminating",
        true,
        "InstanceDeletionInProgress",
        "CustomResource deletion is in progress",
      ),
    ]),
  ];
  return { ...status, acceptedNames: names, conditions };
}

/** Whether a definition is served: once it has had its names, it keeps being so. */
export function isEstablished({ status }: ApiObject): boolean {
  return objectsOf(objectOf(status).conditions)
    .some(({ type, status }) => type === "Established" && status === "True");
}

interface Acceptance {
  readonly names: JsonObject;
  readonly conflict?: { readonly reason: string; readonly message: string };
}

/** The wanted names that are free; where one is not, the one accepted before stays. */
function acceptNames(
  wanted: JsonObject,
  before: JsonObject,
  others: readonly ApiObject[],
): Acceptance {
  const accepted = others.map((other) => objectOf(objectOf(other.status).acceptedNames));
  const resources = new Set(
    accepted.flatMap(({ plural, singular, shortNames }) =>
      [plural, singular, ...listOf(shortNames)].map(stringOf)
    ),
  );
  const kinds = new Set(
    accepted.flatMap(({ kind, listKind }) => [stringOf(kind), stringOf(listKind)]),
  );
  const names: JsonObject = { ...wanted };
  let conflict: Acceptance["conflict"];
  const refuse = (key: string, name: string, reason: string) => {
    // Kinds and plurals are shown even where there are none.
    const fallback = before[key] ?? (key === "kind" || key === "plural" ? "" : undefined);
    if (fallback === undefined) delete names[key];
    else names[key] = fallback;
    conflict = { reason, message: `${JSON.stringify(name)} is already in use` };
  };
  for (const [key, reason] of SINGLE) {
    const taken = key === "kind" || key === "listKind" ? kinds : resources;
    const name = stringOf(wanted[key]);
    if (taken.has(name)) refuse(key, name, reason);
  }
  const short = listOf(wanted.shortNames).map(stringOf).find((name) => resources.has(name));
  if (short !== undefined) refuse("shortNames", short, "ShortNamesConflict");
  return { names, ...(conflict !== undefined && { conflict }) };
}
