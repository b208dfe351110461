import { deepStrictEqual, ok, strictEqual } from "node:assert/strict";
import { parse } from "yaml";
import { buildCrds, type Crd, structuralSchema } from "./crd.ts";
import { DIJOB_STATUS } from "./dijob.ts";
import { JOB_NAME_MAX } from "./names.ts";

/** What `kubectl apply` stores of an object must fit into an annotation; this leaves room for more. */
const FILE_LIMIT_BYTES = 64 * 1024;
const FOLDER = new URL("../../crds/", import.meta.url);

Deno.test("crds/ holds one file for each definition, and no other", async () => {
  const files = (await Array.fromAsync(Deno.readDir(FOLDER))).map(({ name }) => name);
  deepStrictEqual(files.sort(), buildCrds().map(({ metadata }) => `${metadata.name}.yaml`).sort());
});

Deno.test.each(
  buildCrds().map((crd) => ({ name: crd.metadata.name, crd })),
)("crds/ has a file for $name that is current and small", async ({ name, crd }) => {
  const text = await Deno.readTextFile(new URL(`${name}.yaml`, FOLDER));
  deepStrictEqual(parse(text), JSON.parse(JSON.stringify(crd)));
  ok(new TextEncoder().encode(text).length < FILE_LIMIT_BYTES);
});

Deno.test.each([
  {
    name: "dijobs.diengine.opendilab.org",
    names: {
      kind: "DIJob",
      listKind: "DIJobList",
      plural: "dijobs",
      singular: "dijob",
      shortNames: ["dijob"],
    },
    columns: [
      { name: "Phase", type: "string", jsonPath: ".status.phase" },
      { name: "Age", type: "date", jsonPath: ".metadata.creationTimestamp" },
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
    ],
    subresources: { status: {} },
  },
  {
    name: "aggregatorconfigs.diengine.opendilab.org",
    names: {
      kind: "AggregatorConfig",
      listKind: "AggregatorConfigList",
      plural: "aggregatorconfigs",
      singular: "aggregatorconfig",
      shortNames: ["agconfig"],
    },
    columns: [{ name: "Age", type: "date", jsonPath: ".metadata.creationTimestamp" }],
    subresources: undefined,
  },
])("buildCrds() names and prints $name as users know it", ({ name, names, columns, ...row }) => {
  const spec = at(crdOf(name), "spec");
  const version = at(spec, "versions", 0);
  deepStrictEqual({
    group: at(spec, "group"),
    scope: at(spec, "scope"),
    names: at(spec, "names"),
    version: [at(version, "name"), at(version, "served"), at(version, "storage")],
    columns: at(version, "additionalPrinterColumns"),
    subresources: at(version, "subresources"),
  }, {
    group: "diengine.opendilab.org",
    scope: "Namespaced",
    names,
    version: ["v1alpha1", true, true],
    columns,
    subresources: row.subresources,
  });
});

Deno.test.each([
  {
    what: "cleanPodPolicy has its values and its default",
    path: ["spec", "cleanPodPolicy"],
    keys: ["type", "enum", "default"],
    value: { type: "string", enum: ["Running", "All", "None", "ALL", ""], default: "Running" },
  },
  {
    what: "of the roles only the coordinator must be there",
    path: ["spec"],
    keys: ["required"],
    value: { required: ["coordinator"] },
  },
  {
    what: "a coordinator needs a template",
    path: ["spec", "coordinator"],
    keys: ["required"],
    value: { required: ["template"] },
  },
  {
    what: "a template needs a spec, and keeps what is not named here",
    path: ["spec", "coordinator", "template"],
    keys: ["required", "x-kubernetes-preserve-unknown-fields"],
    value: { required: ["spec"], "x-kubernetes-preserve-unknown-fields": true },
  },
  {
    what: "a template's metadata is kept",
    path: ["spec", "learner", "template", "metadata"],
    keys: ["x-kubernetes-preserve-unknown-fields", "required"],
    value: { "x-kubernetes-preserve-unknown-fields": true },
  },
  {
    what: "a pod needs containers, at least one",
    path: ["spec", "collector", "template", "spec", "containers"],
    keys: ["type", "minItems"],
    value: { type: "array", minItems: 1 },
  },
  {
    what: "the phase is one of five",
    path: ["status", "phase"],
    keys: ["type", "enum"],
    value: { type: "string", enum: ["Created", "Running", "Suspended", "Succeeded", "Failed"] },
  },
])("the schema of DIJob: $what", ({ path, keys, value }) => {
  let node = rootOf("dijobs.diengine.opendilab.org");
  for (const name of path) node = at(node, "properties", name);
  const found = keys.map((key) => [key, at(node, key)] as const);
  deepStrictEqual(Object.fromEntries(found.filter(([, entry]) => entry !== undefined)), value);
});

Deno.test("the schema of DIJob requires a spec, and nothing of the status", () => {
  deepStrictEqual(at(rootOf("dijobs.diengine.opendilab.org"), "required"), ["spec"]);
});

Deno.test("the schema of AggregatorConfig has provisioning with its values and its default", () => {
  const spec = at(rootOf("aggregatorconfigs.diengine.opendilab.org"), "properties", "spec");
  const provisioning = at(spec, "properties", "provisioning");
  deepStrictEqual({
    required: at(spec, "required"),
    enum: at(provisioning, "enum"),
    default: at(provisioning, "default"),
  }, { required: ["aggregator"], enum: ["OnDemand", "PerJob"], default: "OnDemand" });
});

Deno.test("the rule on job names has the pattern and the length of what derives from them", () => {
  const [rule] = asArray(at(rootOf("dijobs.diengine.opendilab.org"), "x-kubernetes-validations"));
  const text = String(at(rule, "rule"));
  ok(text.includes("size(self.metadata.name) <= 45"));
  strictEqual(`${"x".repeat(JOB_NAME_MAX)}-ddp-learner-bcdfg`.length, 63);
  const pattern = new RegExp(/matches\('(.*)'\)/.exec(text)?.[1] ?? "none");
  deepStrictEqual(
    ["pong", "a", "a-1", "1a", "-a", "a-", "a.b", "Pong", ""].filter((name) => pattern.test(name)),
    ["pong", "a", "a-1"],
  );
  const message = String(at(rule, "message"));
  ok(message.includes("metadata.name") && message.includes("45"), message);
});

Deno.test("no schema says anything that Kubernetes' structural schemas may not", () => {
  const forbidden = /^(\$.*|const|propertyNames|exclusiveM.*|patternProperties|definitions)$/;
  const found: string[] = [];
  for (const crd of buildCrds()) {
    walk(rootOf(crd.metadata.name), crd.metadata.name, (path, node) => {
      for (const [key, value] of Object.entries(node)) {
        if (forbidden.test(key)) found.push(`${path}: ${key}`);
        if (key === "additionalProperties" && "properties" in node) found.push(`${path}: both`);
        if (key === "type" && typeof value !== "string") found.push(`${path}: ${value}`);
      }
    });
  }
  deepStrictEqual(found, []);
});

Deno.test("structuralSchema() says int32 and date-time the way Kubernetes does", () => {
  const status = structuralSchema(DIJOB_STATUS);
  const counts = at(status, "properties", "replicaStatus", "additionalProperties");
  const condition = at(status, "properties", "conditions", "items");
  deepStrictEqual({
    active: at(counts, "properties", "active"),
    time: at(condition, "properties", "lastUpdateTime"),
    required: at(condition, "required"),
  }, {
    active: { type: "integer", format: "int32", minimum: 0, description: "Pods that run." },
    time: {
      type: "string",
      format: "date-time",
      description: "When anything of it was changed.",
    },
    required: ["type", "status"],
  });
});

function crdOf(name: string): Crd {
  const crd = buildCrds().find(({ metadata }) => metadata.name === name);
  if (crd === undefined) throw new Error(`no CRD ${name}`);
  return crd;
}

function rootOf(name: string): unknown {
  return at(crdOf(name), "spec", "versions", 0, "schema", "openAPIV3Schema");
}

/** The value behind a path; undefined where it ends. */
function at(node: unknown, ...path: readonly (string | number)[]): unknown {
  return path.reduce<unknown>(
    (value, key) => isRecord(value) ? value[String(key)] : undefined,
    node,
  );
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null;
}

function asArray(value: unknown): unknown[] {
  return Array.isArray(value) ? value : [];
}

/** Calls `visit` for a schema and every schema below it. */
function walk(
  node: unknown,
  path: string,
  visit: (path: string, node: Record<string, unknown>) => void,
): void {
  if (!isRecord(node)) return;
  visit(path, node);
  for (
    const [name, child] of Object.entries(isRecord(node["properties"]) ? node["properties"] : {})
  ) {
    walk(child, `${path}.${name}`, visit);
  }
  walk(node["items"], `${path}[]`, visit);
  walk(node["additionalProperties"], `${path}{}`, visit);
}
