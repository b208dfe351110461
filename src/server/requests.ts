/** What callers may send: one schema for each body, and the query of GET. */
import * as z from "zod";
import { AllocationError, type RoleRequest } from "../allocation/mod.ts";
import { GPU_RESOURCE, type Resources } from "../replicas/mod.ts";
import { parseQuantity } from "../lib/quantity.ts";
import { firstJsonValue, withLowerKeys } from "./body.ts";

const ROLES = ["collectors", "learners"] as const;
/** Objects lie in each other twice in a body: the roles in the request. */
const BODY_DEPTH = 2;

const PLACE = {
  namespace: nameSchema("Namespace of the coordinator."),
  coordinator: nameSchema("Pod name of the coordinator (or aggregator) that asks."),
};

/** Of quantities as text; `parseQuantity` decides. */
const QUANTITY_PATTERN =
  "^[+-]?([0-9]+(\\.[0-9]*)?|\\.[0-9]+)([numkMGTPE]|[KMGTPE]i|[eE][+-]?[0-9]+)?$";
const QUANTITY_FORMS = [
  z.string().meta({ pattern: QUANTITY_PATTERN }),
  z.number().meta({ minimum: 0 }),
] as const;
const QUANTITY = z.union(QUANTITY_FORMS, { error: "must be a quantity" })
  .transform((value, { issues }) => {
    const text = String(value);
    try {
      const amount = parseQuantity(text);
      if (amount >= 0) return { text, amount };
      issues.push({ code: "custom", message: "must not be negative", input: value });
    } catch (error) {
      const message = error instanceof SyntaxError ? error.message : "must be a quantity";
      issues.push({ code: "custom", message, input: value });
    }
    return z.NEVER;
  })
  .nullish()
  .describe("A Kubernetes quantity; nothing or zero leaves what the job's template says.");

/** The schemas of the bodies, with `maxReplicas` as the bound of what one call may ask. */
export function buildSchemas(maxReplicas: number) {
  const count = wholeNumber(maxReplicas).nullish().describe("How many.");
  const role = z.object({ replicas: count, cpus: QUANTITY, gpus: QUANTITY, memory: QUANTITY })
    .nullish().transform(toRoleRequest);
  const names = z.array(z.string({ error: "must be a pod name" }).min(1, "must be a pod name"), {
    error: "must be a list of pod names",
  }).max(maxReplicas, `must have at most ${maxReplicas} names`).nullish()
    .transform((list) => [...new Set(list ?? [])]);
  return {
    /** Body of POST and DELETE `/replicas`. */
    scale: z.object({ ...PLACE, collectors: role, learners: role }),
    /** Body of POST `/replicas/failed`. */
    failed: z.object({ ...PLACE, collectors: names, learners: names }),
  };
}

type Schemas = ReturnType<typeof buildSchemas>;
export type ScaleRequest = z.output<Schemas["scale"]>;
export type FailedRequest = z.output<Schemas["failed"]>;

/**
 * A body by its schema. Keys match in any case, unknown ones and whatever follows the first JSON value
 * are not looked at.
 *
 * @throws {AllocationError} `badRequest`, naming the field, the value and what it must be.
 */
export function parseBody<T>(schema: z.ZodType<T>, text: string): T {
  const refuse = (reason: string): never => {
    throw new AllocationError("badRequest", `failed to decode request body: ${reason}`);
  };
  let value: unknown;
  try {
    value = firstJsonValue(text) ?? {};
  } catch (error) {
    return refuse(error instanceof Error ? error.message : String(error));
  }
  const parsed = schema.safeParse(withLowerKeys(value, BODY_DEPTH), { reportInput: true });
  return parsed.success ? parsed.data : refuse(describeIssue(parsed.error));
}

/** What a GET asks for. */
export type ReplicaQuery =
  | { readonly kind: "all" }
  | { readonly kind: "namespace"; readonly namespace: string }
  | {
    readonly kind: "job" | "coordinator" | "aggregator";
    readonly namespace: string;
    readonly name: string;
  };

const QUERY_KEYS = ["namespace", "coordinator", "name", "aggregator"];
/** Of several in one query the first of these counts. */
const QUERY_KINDS = { name: "job", coordinator: "coordinator", aggregator: "aggregator" } as const;

/** @throws {AllocationError} `badRequest` for an unknown key and for a name without a namespace. */
export function parseQuery(parameters: URLSearchParams): ReplicaQuery {
  const given = new Map<string, string>();
  for (const [key, value] of parameters) {
    const known = key.toLowerCase();
    if (!QUERY_KEYS.includes(known)) {
      throw new AllocationError("badRequest", `request param ${key} is not supported`);
    }
    if (!given.has(known)) given.set(known, value);
  }
  const namespace = given.get("namespace") ?? "";
  for (const [key, kind] of Object.entries(QUERY_KINDS)) {
    const name = given.get(key);
    if (name === undefined) continue;
    const missing = namespace === "" ? "namespace" : name === "" ? key : undefined;
    if (missing === undefined) return { kind, namespace, name };
    const with_ = missing === key ? "" : ` with ${key}`;
    throw new AllocationError("badRequest", `request param ${missing} is required${with_}`);
  }
  return namespace === "" ? { kind: "all" } : { kind: "namespace", namespace };
}

function nameSchema(description: string) {
  const error = "is required";
  return z.string({ error }).min(1, { error }).describe(description);
}

function wholeNumber(max: number) {
  const error = `must be a whole number from 0 to ${max}`;
  return z.int({ error }).min(0, { error }).max(max, { error });
}

interface RoleInput {
  readonly replicas?: number | null | undefined;
  readonly cpus?: Quantity;
  readonly gpus?: Quantity;
  readonly memory?: Quantity;
}
type Quantity = { readonly text: string; readonly amount: number } | null | undefined;

function toRoleRequest(role: RoleInput | null | undefined): RoleRequest {
  const gpus = Math.ceil(role?.gpus?.amount ?? 0);
  const resources: Resources = {
    ...(isSome(role?.cpus) && { cpu: role.cpus.text }),
    ...(isSome(role?.memory) && { memory: role.memory.text }),
    // Kubernetes takes only whole GPUs.
    ...(gpus > 0 && { [GPU_RESOURCE]: String(gpus) }),
  };
  return { replicas: role?.replicas ?? 0, gpus, resources };
}

function isSome(quantity: Quantity): quantity is NonNullable<Quantity> {
  return (quantity?.amount ?? 0) !== 0;
}

function describeIssue(error: z.ZodError): string {
  const issue = error.issues[0];
  if (issue === undefined) return "not understood";
  if (issue.path.length === 0) return `a request must be a JSON object, not ${show(issue.input)}`;
  const path = issue.path.join(".");
  const isPart = issue.path.length === 1 && ROLES.some((role) => role === path);
  const message = isPart && issue.code === "invalid_type" && issue.expected === "object"
    ? "must be a JSON object"
    : issue.message;
  const separator = /^(must|is) /.test(message) ? " " : ": ";
  const found = issue.input === undefined ? "" : `, found ${show(issue.input)}`;
  return `${path}${separator}${message}${found}`;
}

function show(value: unknown): string {
  const text = JSON.stringify(value) ?? "nothing";
  return text.length > 60 ? `${text.slice(0, 60)}…` : text;
}
