/** The allocation API as an OpenAPI document, made from the schemas that requests are checked with. */
import * as z from "zod";
import { VERSION } from "../api/mod.ts";
import { NOTHING_DONE } from "./answers.ts";
import { FAILED_PATH, type Limits, REPLICAS_PATH } from "./replica_routes.ts";
import { buildSchemas } from "./requests.ts";
import { ANSWERS, REPLICA_SET } from "./wire_schemas.ts";

const JSON_TYPE = "application/json";
const SCHEMAS_PATH = "#/components/schemas/";

const PLACE = { namespace: "rl", coordinator: "demo-coordinator" };
const COLLECTOR = "demo-collector-4gk7x";
const LEARNER = "demo-learner-h6t9c";
const AGGREGATOR = "demo-aggregator-v5bqn";
const SET = {
  ...PLACE,
  collectors: [`${COLLECTOR}.rl:22270`, "demo-collector-zp2mw.rl:22270"],
  learners: [`${LEARNER}.rl:22271`, `${AGGREGATOR}.rl:22272`],
};
const DDP_LEARNER = "demo-ddp-learner-7wd2f.rl";
const DDP_SET = {
  namespace: "rl",
  coordinator: AGGREGATOR,
  collectors: null,
  learners: [`${DDP_LEARNER}:22271`, `${DDP_LEARNER}:22272`],
};

/** The query keys of GET; they match in any case. */
const QUERY: readonly (readonly [key: string, description: string, example: string])[] = [
  [
    "namespace",
    "A list, with a set for each coordinator there. Without it: of all namespaces.",
    "rl",
  ],
  ["name", "The replicas of the DIJob of that name; needs namespace.", "demo"],
  ["coordinator", "The replicas of the job of this pod; needs namespace.", "demo-coordinator"],
  ["aggregator", "The ddp learners behind this pod; needs namespace.", AGGREGATOR],
];

const IDEMPOTENCY_KEY = {
  name: "Idempotency-Key",
  in: "header",
  description:
    "Stands for the body in telling whether a request is one sent again; send the same " +
    "body with it. It counts until the first one's answer was handed over.",
  schema: { type: "string" },
  example: "7f0c2a",
};

/** What can go wrong, with a text as an example. */
const FAILURES = {
  400: [
    "The caller's mistake: body, query, a job without a template for the role, or a pod that the API " +
    "server finds invalid.",
    "failed to decode request body: collectors.replicas must be a whole number from 0 to 10000, found -1",
  ],
  403: [
    "The caller is no coordinator or aggregator of the job, and has no token with a right to it.",
    "not allowed: a list that names no job needs a bearer token",
  ],
  404: [
    "No such pod, job, namespace, or AggregatorConfig where an aggregator is needed.",
    "pod: rl/ghost not exists in cache",
  ],
  413: ["The body is too large.", "request body has more than 1048576 bytes"],
  500: ["A fault of the server's own; its log says more.", "Internal error"],
  501: ["The path has no such method.", "PUT not implemented"],
} as const;
type FailureStatus = keyof typeof FAILURES;

const READ_FAILURES: readonly FailureStatus[] = [400, 403, 404, 500];
const WRITE_FAILURES: readonly FailureStatus[] = [400, 403, 404, 413, 500];
/** What passes by itself: clients try it again. */
const PASSING = "DIJob rl/demo has finished (Succeeded): it gets no new replicas";

/** OpenAPI 3.1. @param version Of the program. */
export function buildOpenApi(limits: Limits, version: string): Record<string, unknown> {
  return {
    openapi: "3.1.0",
    info: {
      title: "DI-orchestrator allocation API",
      version,
      description:
        "Gives the coordinators of DIJobs their collectors and learners. A request that " +
        "cannot be met now, but may be later, is answered with 200 and `success: false`. Keys of " +
        "bodies and queries match in any case; a body's Content-Type is not looked at.",
      license: { name: "Apache-2.0", identifier: "Apache-2.0" },
    },
    servers: [{ url: "/" }],
    tags: [
      { name: VERSION, description: "The allocation API." },
      { name: "process", description: "The server itself." },
    ],
    // An address is enough for coordinators and aggregators, and for all where callers are not checked.
    security: [{}, { bearer: [] }],
    paths: {
      [REPLICAS_PATH]: replicasPath(limits),
      [FAILED_PATH]: failedPath(limits),
      ...PROCESS_PATHS,
    },
    components: {
      schemas: buildSchemaComponents(limits),
      responses: { NotImplemented: failure(501, "NotRead") },
      securitySchemes: {
        bearer: {
          type: "http",
          scheme: "bearer",
          description: "A token of the cluster, with rights on dijobs/replicas.",
        },
      },
    },
  };
}

const OTHER_METHODS = "Any other method is answered with 501, as components/responses has it.";

function replicasPath({ bodyLimitBytes }: Limits) {
  const scale = body("ScaleRequest", bodyLimitBytes, {
    ...PLACE,
    collectors: { replicas: 2, cpus: "500m", memory: "1Gi" },
    learners: { replicas: 1, gpus: 2 },
  });
  return {
    description: OTHER_METHODS,
    get: operation("listReplicas", "Lists replicas, the oldest first.", {
      parameters: QUERY.map(([name, description, example]) => ({
        name,
        in: "query",
        description,
        schema: { type: "string" },
        example,
      })),
      responses: {
        200: success("One set, or one for each coordinator.", ["DoneList", "NotRead"], {
          job: done("get", SET),
          namespace: done("get", [SET]),
          aggregator: done("get", DDP_SET),
        }, null),
        ...failures(READ_FAILURES, "NotRead"),
      },
    }),
    post: operation("addReplicas", "Adds replicas: all that are asked for, or none.", {
      parameters: [IDEMPOTENCY_KEY],
      requestBody: scale,
      responses: writeResponses("The new replicas.", "create", {
        ...SET,
        learners: [`${AGGREGATOR}.rl:22272`],
      }),
    }),
    delete: operation("removeReplicas", "Gives replicas back, those first that are missed least.", {
      parameters: [IDEMPOTENCY_KEY],
      requestBody: scale,
      responses: writeResponses("The replicas that go.", "delete", SET),
    }),
  };
}

function failedPath({ bodyLimitBytes }: Limits) {
  return {
    description: OTHER_METHODS,
    post: operation("replaceReplicas", "Puts new replicas in the place of failed ones.", {
      requestBody: body("FailedRequest", bodyLimitBytes, {
        ...PLACE,
        collectors: [COLLECTOR],
        learners: [],
      }),
      responses: writeResponses("The new replicas, in the order of the names.", "recreate", {
        ...PLACE,
        collectors: ["demo-collector-m8vtd.rl:22270"],
        learners: null,
      }),
    }),
  };
}

const PROCESS_PATHS = {
  "/openapi.json": {
    get: {
      ...processOperation("describe", "This document."),
      responses: {
        200: {
          description: "OpenAPI 3.1.",
          content: { [JSON_TYPE]: { schema: { type: "object" } } },
        },
      },
    },
  },
  "/healthz": {
    get: {
      ...processOperation("isAlive", "Whether the process lives."),
      responses: { 200: { description: "Always, with an empty body." } },
    },
  },
  "/readyz": {
    get: {
      ...processOperation("isReady", "Whether it is worth asking."),
      responses: {
        200: { description: "The caches are filled, or 3 s have passed since the start." },
        503: { description: "Not yet." },
      },
    },
  },
};

type SchemaName = keyof typeof ANSWERS | "ScaleRequest" | "FailedRequest" | "ReplicaSet";

/** The schemas by name, as JSON Schema. */
function buildSchemaComponents({ maxReplicasPerCall }: Limits): Record<string, unknown> {
  const { scale, failed } = buildSchemas(maxReplicasPerCall);
  const named: Readonly<Record<SchemaName, z.ZodType>> = {
    ScaleRequest: scale,
    FailedRequest: failed,
    ReplicaSet: REPLICA_SET,
    ...ANSWERS,
  };
  const registry = z.registry<{ id: string }>();
  for (const [id, schema] of Object.entries(named)) registry.add(schema, { id });
  const { schemas } = z.toJSONSchema(registry, {
    io: "input",
    unrepresentable: "any",
    uri: (id) => SCHEMAS_PATH + id,
  });
  return Object.fromEntries(
    Object.entries(schemas).map(([id, { $schema: _, $id: __, ...schema }]) => [id, schema]),
  );
}

function referTo(name: SchemaName) {
  return { $ref: SCHEMAS_PATH + name };
}

function operation(operationId: string, summary: string, parts: Record<string, unknown>) {
  return { operationId, summary, tags: [VERSION], ...parts };
}

function processOperation(operationId: string, summary: string) {
  return { operationId, summary, tags: ["process"], security: [] };
}

function body(schema: SchemaName, limitBytes: number, example: unknown) {
  return {
    required: true,
    description: `At most ${limitBytes} bytes.`,
    content: { [JSON_TYPE]: { schema: referTo(schema), example } },
  };
}

type Work = "get" | "create" | "delete" | "recreate";

function done(work: Work, data: unknown) {
  return { success: true, code: 0, message: `successfully ${work} replicas`, data };
}

function notDone(message: string, data: unknown) {
  return { success: false, code: 1, message, data };
}

function writeResponses(description: string, work: Work, data: unknown) {
  return {
    200: success(description, ["Done", "NotDone"], { done: done(work, data) }, NOTHING_DONE),
    ...failures(WRITE_FAILURES, "NotDone"),
  };
}

/** 200: done, or what will pass. @param empty `data` of the latter. */
function success(
  description: string,
  schemas: readonly SchemaName[],
  examples: Readonly<Record<string, unknown>>,
  empty: unknown,
) {
  const all = Object.entries({ ...examples, passing: notDone(PASSING, empty) });
  return {
    description: `${description} Or success: false for what will pass: try it again.`,
    headers: {
      "Retry-After": {
        description: "Only with success: false: how long to wait, in s.",
        schema: { type: "integer", minimum: 1 },
      },
    },
    content: {
      [JSON_TYPE]: {
        schema: { oneOf: schemas.map(referTo) },
        examples: Object.fromEntries(all.map(([name, value]) => [name, { value }])),
      },
    },
  };
}

function failures(statuses: readonly FailureStatus[], schema: "NotRead" | "NotDone") {
  return Object.fromEntries(statuses.map((status) => [status, failure(status, schema)]));
}

function failure(status: FailureStatus, schema: "NotRead" | "NotDone") {
  const [description, message] = FAILURES[status];
  const example = notDone(message, schema === "NotRead" ? null : NOTHING_DONE);
  return { description, content: { [JSON_TYPE]: { schema: referTo(schema), example } } };
}
