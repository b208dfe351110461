/** Objects that the suite's rows send. */
import type { ApiObject, Body, Exchange, Seen } from "./exchange.ts";
import { isRecord } from "./expected.ts";

type Fields = Readonly<Record<string, unknown>>;

/** Plurals of the kinds that rows make beforehand. */
const PLURALS: Readonly<Record<string, string>> = {
  ConfigMap: "configmaps",
  Deployment: "deployments",
  CustomResourceDefinition: "customresourcedefinitions",
  DIJob: "dijobs",
  AggregatorConfig: "aggregatorconfigs",
  Event: "events",
  Lease: "leases",
  Pod: "pods",
  Secret: "secrets",
  Service: "services",
  ServiceAccount: "serviceaccounts",
  Widget: "widgets",
};

export interface Manifest {
  readonly apiVersion: string;
  readonly kind: string;
  readonly metadata: Fields;
  readonly [field: string]: unknown;
}

/** The request that makes an object. */
export function postOf(manifest: Body): Exchange {
  if (!isRecord(manifest)) throw new TypeError("Only objects can be made");
  const { apiVersion, kind } = manifest;
  const plural = PLURALS[String(kind)];
  if (plural === undefined) throw new RangeError(`Unknown kind ${kind}`);
  return { send: `POST ${apiVersion === "v1" ? "" : `${apiVersion}/`}${plural}`, body: manifest };
}

/** `name` may be the whole metadata. */
type NameOrMetadata = string | Fields;

function metadataOf(name: NameOrMetadata): Fields {
  return typeof name === "string" ? { name } : name;
}

export function configMap(name: NameOrMetadata, data?: unknown): Manifest {
  return {
    apiVersion: "v1",
    kind: "ConfigMap",
    metadata: metadataOf(name),
    ...(data !== undefined && { data }),
  };
}

/** A pod that nothing runs. */
export function pod(name: NameOrMetadata, spec: Fields = {}): Manifest {
  return {
    apiVersion: "v1",
    kind: "Pod",
    metadata: metadataOf(name),
    spec: {
      automountServiceAccountToken: false,
      containers: [{ name: "main", image: "nowhere/none:1" }],
      ...spec,
    },
  };
}

export function service(
  name: NameOrMetadata,
  spec: Fields = {},
): Manifest {
  return {
    apiVersion: "v1",
    kind: "Service",
    metadata: metadataOf(name),
    spec: { clusterIP: "None", ports: [{ port: 80 }], ...spec },
  };
}

/** An object of a kind that has no builder of its own. */
export function object(
  apiVersion: string,
  kind: string,
  name: NameOrMetadata,
  more: Fields = {},
): Manifest {
  return { apiVersion, kind, metadata: metadataOf(name), ...more };
}

export function secret(name: NameOrMetadata, more: Fields = {}): Manifest {
  return object("v1", "Secret", name, more);
}

export function lease(name: NameOrMetadata, spec: Fields = {}): Manifest {
  return object("coordination.k8s.io/v1", "Lease", name, { spec });
}

/** An event about a pod of the same namespace, which a row has seen in an object called so. */
export function eventBeside(
  neighbour: string,
  name: NameOrMetadata,
  more: Fields = {},
): (seen: Seen) => Manifest {
  return (seen) => {
    const { namespace } = seen(neighbour).metadata;
    const involvedObject = { kind: "Pod", name: "p", namespace };
    return object("v1", "Event", name, { involvedObject, reason: "R", message: "m", ...more });
  };
}

/** A deployment that nothing rolls out. */
export function deployment(name: NameOrMetadata, spec: Fields = {}): Manifest {
  const labels = { app: "a" };
  return object("apps/v1", "Deployment", name, {
    spec: {
      selector: { matchLabels: labels },
      template: {
        metadata: { labels },
        spec: { containers: [{ name: "main", image: "nowhere/none:1" }] },
      },
      ...spec,
    },
  });
}

export const DIENGINE = "diengine.opendilab.org/v1alpha1";

export function dijob(name: NameOrMetadata, spec: Fields = {}): Manifest {
  return {
    apiVersion: DIENGINE,
    kind: "DIJob",
    metadata: metadataOf(name),
    spec: { coordinator: podTemplate(), ...spec },
  };
}

export function aggregatorConfig(
  name: NameOrMetadata,
  spec: Fields = {},
): Manifest {
  return {
    apiVersion: DIENGINE,
    kind: "AggregatorConfig",
    metadata: metadataOf(name),
    spec: { aggregator: podTemplate(), ...spec },
  };
}

export function podTemplate(): { template: unknown } {
  return {
    template: { spec: { containers: [{ name: "di-container", image: "nowhere/none:1" }] } },
  };
}

/** A reference to an object that has been seen, for `metadata.ownerReferences`. */
export function ownedBy(owner: ApiObject, more: Fields = {}): Fields {
  const { apiVersion, kind, metadata: { name, uid } } = owner;
  return { apiVersion, kind, name, uid, ...more };
}

/** A body: the object called `name` as it was last seen, with a merge patch laid over it. */
export function changed(
  name: string,
  patch: Fields,
): (seen: Seen) => Fields {
  return (seen) => merge(seen(name), patch);
}

/** RFC 7386, but only lists and plain values replace: `null` takes a field away. */
export function merge(target: Fields, patch: Fields): Fields {
  const merged: Record<string, unknown> = { ...target };
  for (const [key, value] of Object.entries(patch)) {
    if (value === null) delete merged[key];
    else if (!isRecord(value)) merged[key] = value;
    else {
      const before = merged[key];
      merged[key] = merge(isRecord(before) ? before : {}, value);
    }
  }
  return merged;
}
