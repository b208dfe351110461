/** The custom resource definitions, made from the schemas that the program itself checks with. */
import * as z from "zod";
import { AGGREGATOR_CONFIG, AGGREGATOR_CONFIGS } from "./aggregator_config.ts";
import { DIJOB, DIJOBS } from "./dijob.ts";
import { GROUP, JOB_NAME_MAX, VERSION } from "./names.ts";

type JsonSchema = Record<string, unknown>;
/** A CustomResourceDefinition as JSON. */
export type Crd = Readonly<Record<string, unknown>> & {
  readonly apiVersion: string;
  readonly kind: string;
  readonly metadata: { readonly name: string };
};

const AGE = { name: "Age", type: "date", jsonPath: ".metadata.creationTimestamp" };

/** Pods and services are named after the job, and DNS takes no more than this. */
const JOB_NAME_RULE = {
  rule:
    `size(self.metadata.name) <= ${JOB_NAME_MAX} && self.metadata.name.matches('^[a-z]([-a-z0-9]*[a-z0-9])?$')`,
  message:
    `metadata.name must have at most ${JOB_NAME_MAX} characters and be a DNS label that starts with a letter ` +
    "(a-z, 0-9 and '-'): pods and services are named after it",
};

const MANAGER_RULE = {
  rule:
    "has(self.spec.managedBy) == has(oldSelf.spec.managedBy) && (!has(self.spec.managedBy) || " +
    "self.spec.managedBy == oldSelf.spec.managedBy)",
  message: "spec.managedBy is immutable",
};

/** What `kubectl get` shows, the later ones with `-o wide`. */
const JOB_COLUMNS = [
  { name: "Phase", type: "string", jsonPath: ".status.phase" },
  AGE,
  {
    name: "Collectors",
    type: "integer",
    jsonPath: ".status.replicaStatus.Collector.active",
    priority: 1,
  },
  {
    name: "Learners",
    type: "integer",
    jsonPath: ".status.replicaStatus.Learner.active",
    priority: 1,
  },
  { name: "Restarts", type: "integer", jsonPath: ".status.restarts", priority: 1 },
  { name: "Started", type: "date", jsonPath: ".status.startTime", priority: 1 },
  { name: "Ended", type: "date", jsonPath: ".status.completionTime", priority: 1 },
];

/** Both definitions, ready for `kubectl apply`. */
export function buildCrds(): readonly Crd[] {
  return [
    buildCrd(AGGREGATOR_CONFIGS.kind, AGGREGATOR_CONFIGS.plural, "agconfig", {
      schema: AGGREGATOR_CONFIG,
      columns: [AGE],
    }),
    buildCrd(DIJOBS.kind, DIJOBS.plural, "dijob", {
      schema: DIJOB,
      columns: JOB_COLUMNS,
      rules: [JOB_NAME_RULE, MANAGER_RULE],
      status: true,
    }),
  ];
}

interface VersionParts {
  readonly schema: z.ZodType;
  readonly columns: readonly Record<string, string | number>[];
  readonly rules?: readonly Record<string, string>[];
  readonly status?: boolean;
}

function buildCrd(
  kind: string,
  plural: string,
  shortName: string,
  { schema, columns, rules, status }: VersionParts,
): Crd {
  const root = structuralSchema(schema);
  const properties = {
    apiVersion: { type: "string" },
    kind: { type: "string" },
    metadata: { type: "object" },
    ...(root["properties"] as JsonSchema),
  };
  return {
    apiVersion: "apiextensions.k8s.io/v1",
    kind: "CustomResourceDefinition",
    metadata: { name: `${plural}.${GROUP}` },
    spec: {
      group: GROUP,
      scope: "Namespaced",
      names: {
        kind,
        listKind: `${kind}List`,
        plural,
        singular: kind.toLowerCase(),
        shortNames: [shortName],
      },
      versions: [{
        name: VERSION,
        served: true,
        storage: true,
        schema: {
          openAPIV3Schema: {
            ...root,
            properties,
            ...(rules && { "x-kubernetes-validations": rules }),
          },
        },
        ...(status && { subresources: { status: {} } }),
        additionalPrinterColumns: columns,
      }],
    },
  };
}

/** A zod schema as the structural schema that Kubernetes takes. */
export function structuralSchema(schema: z.ZodType): JsonSchema {
  return z.toJSONSchema(schema, {
    target: "openapi-3.0",
    io: "input",
    override: ({ jsonSchema }) => makeStructural(jsonSchema),
  });
}

const INT32 = { minimum: -(2 ** 31), maximum: 2 ** 31 - 1 };

/** Turns zod's way of saying things into Kubernetes', in place. */
function makeStructural(node: JsonSchema): void {
  const open = node["additionalProperties"];
  if (node["properties"] !== undefined && open !== undefined) {
    delete node["additionalProperties"];
    // A loose object keeps what it does not name; Kubernetes would prune it.
    if (open !== false) node["x-kubernetes-preserve-unknown-fields"] = true;
  }
  if (node["format"] === "date-time") delete node["pattern"];
  if (node["type"] === "integer" && node["maximum"] === INT32.maximum) {
    delete node["maximum"];
    if (node["minimum"] === INT32.minimum) delete node["minimum"];
    node["format"] = "int32";
  }
}
