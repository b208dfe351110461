/** From `kubectl apply` in the client to `kubectl apply --server-side`: what it has applied stays its own. */
import { type ApiObject, isObject, type JsonObject } from "../json.ts";
import { changedFields, presentFields } from "./changes.ts";
import { differenceOf, EMPTY_SET, type FieldSet } from "./field_set.ts";
import { heldPart, managedFields, namedPart, type Writing } from "./record.ts";

const ANNOTATION = "kubectl.kubernetes.io/last-applied-configuration";
/** The one manager that takes over by itself. */
const KUBECTL = "kubectl";

/** True when kubectl applies what it has applied by itself before. */
export function isUpgrade({ metadata }: ApiObject, { manager }: Writing): boolean {
  return manager === KUBECTL && (metadata.annotations?.[ANNOTATION] ?? "") !== "";
}

/** What the annotation says was applied, as far as the object still has it so. */
export function lastApplied(live: ApiObject, writing: Writing): FieldSet {
  const config = parseConfig(live.metadata.annotations?.[ANNOTATION]);
  if (config === undefined) return EMPTY_SET;
  const named = namedPart(config, writing.type);
  const held = heldPart(live, writing.type);
  const same = differenceOf(managedFields(config, writing), changedFields(named, held));
  return presentFields(same, held);
}

function parseConfig(text: string | undefined): ApiObject | undefined {
  try {
    const config = JSON.parse(text ?? "");
    return isObject(config) && isObject(config.metadata)
      ? { ...config, ...headOf(config) }
      : undefined;
  } catch {
    // Whatever else writes there has applied nothing.
    return undefined;
  }
}
function headOf(config: JsonObject): Pick<ApiObject, "kind" | "apiVersion" | "metadata"> {
  const { kind, apiVersion, metadata } = config;
  return {
    kind: String(kind),
    apiVersion: String(apiVersion),
    metadata: isObject(metadata) ? metadata : {},
  };
}

/** Keeps the annotation in step with the applied JSON, for who goes back to applying in the client. */
export function annotateApplied(object: ApiObject, config: string): void {
  object.metadata.annotations = {
    ...object.metadata.annotations,
    [ANNOTATION]: `${config}\n`,
  };
}
