/** Label and field selectors: text to a test of an object. */
import { type ApiObject, isObject, valueAt } from "./json.ts";
import { parseLabelTests } from "./label_selector.ts";
import { badRequest } from "./status.ts";

export type Test = (object: ApiObject) => boolean;

/**
 * Parses a label selector.
 *
 * @returns undefined when it selects everything.
 * @throws {StatusError} 400 when it cannot be read.
 */
export function parseLabelSelector(text: string): Test | undefined {
  const tests = parseLabelTests(text);
  if (tests.length === 0) return undefined;
  return ({ metadata }) => {
    const labels = metadata.labels ?? {};
    return tests.every((test) => test(labels));
  };
}

/** Fields that may be selected by, for each resource, beside name and namespace. */
const FIELDS: Readonly<Record<string, readonly string[]>> = {
  "/pods": [
    "spec.nodeName",
    "spec.restartPolicy",
    "spec.schedulerName",
    "spec.serviceAccountName",
    "spec.hostNetwork",
    "status.phase",
    "status.podIP",
    "status.podIPs",
    "status.nominatedNodeName",
  ],
  "/events": [
    "involvedObject.kind",
    "involvedObject.namespace",
    "involvedObject.name",
    "involvedObject.uid",
    "involvedObject.apiVersion",
    "involvedObject.resourceVersion",
    "involvedObject.fieldPath",
    "reason",
    "reportingComponent",
    "source",
    "type",
  ],
  "/namespaces": ["status.phase"],
  "/nodes": ["spec.unschedulable"],
  "/secrets": ["type"],
  "/services": ["spec.clusterIP", "spec.type"],
};

const COMMON_FIELDS = ["metadata.name", "metadata.namespace"];

/** A parsed field selector. */
export interface FieldSelector {
  readonly test: Test;
  /** Set when exactly one name can match. */
  readonly name?: string;
}

/**
 * Parses a field selector: `metadata.name=x,status.phase!=Running`.
 *
 * @param resource Storage key of the resource: it decides which fields are known.
 * @param selectable For custom resources: what their definition lets select by.
 * @throws {StatusError} 400 for other fields or when it cannot be read.
 */
export function parseFieldSelector(
  text: string,
  resource: string,
  selectable?: readonly string[],
): FieldSelector | undefined {
  if (text.trim() === "") return undefined;
  const own = selectable ?? FIELDS[resource];
  const known = [...COMMON_FIELDS, ...own ?? []];
  let name: string | undefined;
  const tests = text.split(",").map((term): Test => {
    const found = /^([^!=]+?)(==|=|!=)(.*)$/.exec(term);
    if (found?.[1] === undefined) {
      throw badRequest(`invalid selector: '${text}'; can't understand '${term}'`);
    }
    const [, field, operator, value = ""] = found;
    if (!known.includes(field)) {
      const names = COMMON_FIELDS.map((name) => JSON.stringify(name)).join(", ");
      throw badRequest(
        own === undefined
          ? `${JSON.stringify(field)} is not a known field selector: only ${names}`
          : `field label not supported: ${field}`,
      );
    }
    if (operator === "!=") return (object) => fieldText(object, field) !== value;
    if (field === "metadata.name") name = value;
    return (object) => fieldText(object, field) === value;
  });
  return {
    test: (object) => tests.every((test) => test(object)),
    ...(name !== undefined && { name }),
  };
}

function fieldText(object: ApiObject, field: string): string {
  if (field === "source") {
    const { source } = object;
    return isObject(source) && typeof source.component === "string" ? source.component : "";
  }
  const value = valueAt(object, field);
  if (value === undefined || value === null) {
    return field === "spec.unschedulable" || field === "spec.hostNetwork" ? "false" : "";
  }
  return String(value);
}

/** Both at once; undefined when neither restricts anything. */
export function both(first: Test | undefined, second: Test | undefined): Test | undefined {
  if (first === undefined) return second;
  if (second === undefined) return first;
  return (object) => first(object) && second(object);
}
