/** Label and field selectors: text to a test of an object. */
import { type ApiObject, isObject, valueAt } from "./json.ts";
import { badRequest } from "./status.ts";

export type Test = (object: ApiObject) => boolean;

const REQUIREMENT =
  /^\s*([^\s!=(),]+)\s*(?:(==|=|!=)\s*([^\s,()=!]*)\s*|\s(in|notin)\s*\(([^()]*)\)\s*)?$/;
const NUMBER = /^\s*([^\s!=(),<>]+)\s*([<>])\s*(-?\d+)\s*$/;
const ABSENT = /^\s*!\s*([^\s!=(),]+)\s*$/;

/** Cuts at commas outside brackets. */
function split(text: string): string[] {
  return text.split(/,(?![^(]*\))/);
}

/**
 * Parses a label selector: `a=b,c!=d,e in (f,g),h notin (i),j,!k,l>3`.
 *
 * @returns undefined when it selects everything.
 * @throws {StatusError} 400 when it cannot be read.
 */
export function parseLabelSelector(text: string): Test | undefined {
  if (text.trim() === "") return undefined;
  const tests = split(text).map(parseLabelRequirement);
  return ({ metadata }) => {
    const labels = metadata.labels ?? {};
    return tests.every((test) => test(labels));
  };
}

function parseLabelRequirement(text: string): (labels: Record<string, string>) => boolean {
  const absent = ABSENT.exec(text);
  if (absent?.[1] !== undefined) {
    const key = absent[1];
    return (labels) => labels[key] === undefined;
  }
  const compared = NUMBER.exec(text);
  if (compared?.[1] !== undefined) {
    const [, key, operator] = compared;
    const bound = Number(compared[3]);
    return (labels) => {
      const number = Number(labels[key] ?? NaN);
      return operator === ">" ? number > bound : number < bound;
    };
  }
  const found = REQUIREMENT.exec(text);
  const key = found?.[1];
  if (found === null || key === undefined) {
    throw badRequest(`unable to parse requirement: found '${text.trim()}', expected: identifier`);
  }
  const [, , operator, value = "", setOperator, members = ""] = found;
  if (setOperator !== undefined) {
    const wanted = new Set(members.split(",").map((member) => member.trim()));
    return setOperator === "in"
      ? (labels) => labels[key] !== undefined && wanted.has(labels[key])
      : (labels) => labels[key] === undefined || !wanted.has(labels[key]);
  }
  if (operator === undefined) return (labels) => labels[key] !== undefined;
  if (operator === "!=") return (labels) => labels[key] !== value;
  return (labels) => labels[key] === value;
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
 * @throws {StatusError} 400 for other fields or when it cannot be read.
 */
export function parseFieldSelector(
  text: string,
  resource: string,
  selectable: readonly string[] = [],
): FieldSelector | undefined {
  if (text.trim() === "") return undefined;
  const known = ["metadata.name", "metadata.namespace", ...FIELDS[resource] ?? [], ...selectable];
  let name: string | undefined;
  const tests = text.split(",").map((term): Test => {
    const found = /^([^!=]+?)(==|=|!=)(.*)$/.exec(term);
    if (found?.[1] === undefined) {
      throw badRequest(`invalid selector: '${text}'; can't understand '${term}'`);
    }
    const [, field, operator, value = ""] = found;
    if (!known.includes(field)) throw badRequest(`field label not supported: ${field}`);
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
