/** The number of replicas apart from the rest of an object: what `kubectl scale` reads and writes. */
import type { Cluster } from "../cluster.ts";
import type { ScalePaths } from "../crd/definition.ts";
import {
  type ApiObject,
  childOf,
  copyOf,
  type JsonObject,
  objectOf,
  objectsOf,
  stringOf,
  valueAt,
} from "../json.ts";
import { SCALE } from "../resources.ts";
import { type FieldError, invalid, invalidObject, notFound, otherName } from "../status.ts";
import type { ResourceType } from "../registry.ts";
import type { WriteOptions } from "./decode.ts";
import { updateObject, type UpdateTarget } from "./update.ts";

/** Scales are met below other objects only. */
export const SCALE_TYPE: ResourceType = { info: SCALE, rules: {}, custom: undefined };

/** The scale of an object that has replicas and a selector; of a custom one by its definition's paths. */
export function scaleOf(object: ApiObject, { custom }: ResourceType): ApiObject {
  const { metadata, spec, status } = object;
  const paths = custom?.scale;
  const { name, namespace, uid, resourceVersion, creationTimestamp } = metadata;
  const { replicas = 0 } = objectOf(spec);
  return {
    kind: "Scale",
    apiVersion: "autoscaling/v1",
    metadata: {
      ...(name !== undefined && { name }),
      ...(namespace !== undefined && { namespace }),
      ...(uid !== undefined && { uid }),
      ...(resourceVersion !== undefined && { resourceVersion }),
      ...(creationTimestamp !== undefined && { creationTimestamp }),
    },
    ...(paths === undefined
      ? {
        // The real server leaves a wish for none out.
        spec: replicas === 0 ? {} : { replicas },
        status: {
          replicas: objectOf(status).replicas ?? 0,
          selector: selectorText(objectOf(objectOf(spec).selector)),
        },
      }
      : countsAt(object, paths)),
  };
}

function countsAt(object: ApiObject, paths: ScalePaths) {
  const selector = valueAt(object, paths.selector);
  const replicas = valueAt(object, paths.specReplicas) ?? 0;
  return {
    spec: replicas === 0 ? {} : { replicas },
    status: {
      replicas: valueAt(object, paths.statusReplicas) ?? 0,
      ...(typeof selector === "string" && { selector }),
    },
  };
}

const OPERATORS: Readonly<Record<string, string>> = { In: "in", NotIn: "notin" };
/** A selector as one text: `a=b,c in (d,e),!f`. */
function selectorText(selector: Readonly<Record<string, unknown>>): string {
  const labels = Object.entries(objectOf(selector.matchLabels)).map(([key, value]) => ({
    key,
    text: `${key}=${value}`,
  }));
  const expressions = objectsOf(selector.matchExpressions).map(({ key, operator, values }) => {
    const name = stringOf(key);
    if (operator === "Exists") return { key: name, text: name };
    if (operator === "DoesNotExist") return { key: name, text: `!${name}` };
    const members = Array.isArray(values) ? values.map(String).sort().join(",") : "";
    return { key: name, text: `${name} ${OPERATORS[stringOf(operator)] ?? operator} (${members})` };
  });
  const parts = [...labels, ...expressions].sort((a, b) => a.key < b.key ? -1 : 1);
  return parts.map(({ text }) => text).join(",");
}

/**
 * Writes the replicas of a scale to its object.
 *
 * @param next The wanted scale, from the one that is there.
 * @returns The scale as it is then.
 * @throws {StatusError} As the real server answers.
 */
export function updateScale(
  cluster: Cluster,
  target: UpdateTarget,
  next: (scale: ApiObject) => ApiObject,
  options: WriteOptions,
): ApiObject {
  const { type, namespace, name } = target;
  const current = cluster.find(type, namespace, name);
  if (current === undefined) throw notFound(type.info, name);
  const { metadata, spec } = next(scaleOf(current.value, type));
  if (metadata.name !== undefined && metadata.name !== name) throw otherName(metadata.name, name);
  const { replicas = 0 } = objectOf(spec);
  const path = type.custom?.scale?.specReplicas;
  if (Number(replicas) < 0) {
    if (path === undefined) throw invalidObject(SCALE, name, [negative(replicas)]);
    const why = "should be a non-negative integer";
    throw invalidObject(type.info, name, [invalid(`.${path}`, replicas, why)]);
  }
  const wanted = copyOf(current.value);
  wanted.metadata.resourceVersion = metadata.resourceVersion ?? "";
  const [last = "", ...parents] = (path ?? "spec.replicas").split(".").reverse();
  parents.reduceRight<JsonObject>(childOf, wanted)[last] = replicas;
  return scaleOf(updateObject(cluster, target, current, wanted, options).value, type);
}

function negative(replicas: unknown): FieldError {
  return invalid("spec.replicas", replicas, "must be greater than or equal to 0");
}
