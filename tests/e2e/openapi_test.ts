/** The API's own description, held against a validator and against real answers. */
import { deepStrictEqual, ok } from "node:assert/strict";
import { fileURLToPath } from "node:url";
import * as z from "zod";
import { KubeClient, PODS } from "../../src/kube/mod.ts";
import { AllocationStory, startTestServer } from "../support/allocation_story.ts";
import { useTestCluster } from "../support/test_cluster.ts";

const cluster = useTestCluster();
const VALIDATOR = fileURLToPath(new URL("../openapi/", import.meta.url));
const REPLICAS = "/v1alpha1/replicas";
const FAILED = `${REPLICAS}/failed`;
const COMPONENTS = "#/components/schemas/";

interface Described {
  readonly description?: string;
  readonly headers?: Readonly<Record<string, unknown>>;
  readonly content?: Readonly<Record<string, Content>>;
}
interface Content {
  readonly schema: Record<string, unknown>;
  readonly example?: unknown;
  readonly examples?: Readonly<Record<string, { readonly value: unknown }>>;
}
interface Operation {
  readonly requestBody?: Described;
  readonly responses: Readonly<Record<string, Described>>;
}
interface Document {
  readonly paths: Readonly<Record<string, Readonly<Record<string, Operation>>>>;
  readonly components: {
    readonly schemas: Readonly<Record<string, unknown>>;
    readonly responses: Readonly<Record<string, Described>>;
  };
}

/** The description as a server without an API server gives it. */
async function readDocument(): Promise<{ text: string; document: Document }> {
  const client = new KubeClient({ server: "http://127.0.0.1:1", namespace: "default" });
  const server = await startTestServer(client);
  try {
    const response = await fetch(`${server.url}/openapi.json`);
    deepStrictEqual(
      [response.status, response.headers.get("content-type")],
      [200, "application/json"],
    );
    const text = await response.text();
    return { text, document: JSON.parse(text) };
  } finally {
    await server.stop();
    client.close();
  }
}

function contentOf(described: Described | undefined): Content {
  const content = described?.content?.["application/json"];
  ok(content !== undefined, "nothing is described");
  return content;
}

/** @throws {z.ZodError} When `value` is not what the description says. */
function requireFit({ components }: Document, { schema }: Content, value: unknown): void {
  const text = JSON.stringify({ ...schema, $defs: components.schemas });
  z.fromJSONSchema(JSON.parse(text.replaceAll(COMPONENTS, "#/$defs/"))).parse(value);
}

Deno.test("/openapi.json is valid OpenAPI 3.1 and has every path, method and status", async () => {
  const { text, document } = await readDocument();
  deepStrictEqual(await validate(text), { code: 0, output: "valid, OpenAPI 3.1\n" });
  const operations = Object.entries(document.paths).flatMap(([path, { description: _, ...item }]) =>
    Object.entries(item).map(([method, { responses }]) =>
      `${method} ${path}: ${Object.keys(responses)}`
    )
  );
  deepStrictEqual(operations, [
    `get ${REPLICAS}: 200,400,403,404,500`,
    `post ${REPLICAS}: 200,400,403,404,413,500`,
    `delete ${REPLICAS}: 200,400,403,404,413,500`,
    `post ${FAILED}: 200,400,403,404,413,500`,
    "get /openapi.json: 200",
    "get /healthz: 200",
    "get /readyz: 200,503",
  ]);
  deepStrictEqual((await validate(text.replace('"openapi":"3.1.0",', ""))).code, 1);
});

Deno.test("each example in /openapi.json is what its schema says", async () => {
  const { document } = await readDocument();
  const contents = Object.values(document.paths).flatMap(({ description: _, ...item }) =>
    Object.values(item).flatMap(({ requestBody, responses }) =>
      [requestBody, ...Object.values(responses)]
        .flatMap((described) => Object.values(described?.content ?? {}))
    )
  );
  for (const content of contents) {
    const { example, examples = {} } = content;
    const values = Object.values(examples).map(({ value }) => value);
    for (const value of example === undefined ? values : [example, ...values]) {
      requireFit(document, content, value);
    }
  }
  deepStrictEqual(contents.filter(({ example, examples }) => !example && !examples).length, 1);
});

const SCALE = { namespace: "NS", coordinator: "demo-coordinator" };

Deno.test.each([
  {
    when: "a job is asked for",
    method: "GET",
    path: `${REPLICAS}?namespace=NS&name=demo`,
    code: 200,
  },
  { when: "a namespace is asked for", method: "GET", path: `${REPLICAS}?namespace=NS`, code: 200 },
  {
    when: "an aggregator is asked for",
    method: "GET",
    path: `${REPLICAS}?namespace=NS&aggregator=demo-coordinator`,
    code: 200,
  },
  { when: "a key is unknown", method: "GET", path: `${REPLICAS}?ns=rl`, code: 400 },
  {
    when: "there is no such job",
    method: "GET",
    path: `${REPLICAS}?namespace=NS&name=no`,
    code: 404,
  },
  {
    when: "replicas are added",
    method: "POST",
    path: REPLICAS,
    body: { ...SCALE, collectors: { replicas: 2, cpus: 0.5, memory: "1Gi" }, learners: null },
    code: 200,
  },
  {
    when: "there is no AggregatorConfig",
    method: "POST",
    path: REPLICAS,
    body: { ...SCALE, learners: { replicas: 1, gpus: 2 } },
    code: 404,
  },
  {
    when: "the job has finished",
    method: "POST",
    path: REPLICAS,
    body: { ...SCALE, coordinator: "over-coordinator", collectors: { replicas: 1 } },
    code: 200,
    retryAfter: "2",
  },
  { when: "the body is empty", method: "POST", path: REPLICAS, body: "", code: 400 },
  {
    when: "the body is too large",
    method: "POST",
    path: REPLICAS,
    body: " ".repeat(2 ** 21),
    code: 413,
  },
  { when: "nothing is given back", method: "DELETE", path: REPLICAS, body: SCALE, code: 200 },
  { when: "DELETE has no coordinator", method: "DELETE", path: REPLICAS, body: {}, code: 400 },
  { when: "no pod is named", method: "POST", path: FAILED, body: SCALE, code: 200 },
  {
    when: "an unknown pod has failed",
    method: "POST",
    path: FAILED,
    body: { ...SCALE, collectors: ["no"] },
    code: 404,
  },
  { when: "a method is not known", method: "PUT", path: FAILED, code: 501 },
  { when: "a stranger asks", method: "GET", path: REPLICAS, code: 403, isGuarded: true },
  {
    when: "a stranger adds",
    method: "POST",
    path: REPLICAS,
    body: SCALE,
    code: 403,
    isGuarded: true,
  },
])("the answer is described in /openapi.json when $when", async (row) => {
  const { document } = await readDocument();
  await using story = await AllocationStory.open(cluster());
  await story.createJob("over");
  await story.setJobPhase("over", "Succeeded");
  if (row.isGuarded) await giveAddress(story);
  const server = await startTestServer(cluster().client, {
    callerCheck: row.isGuarded ? "enforce" : "off",
    agconfig: { namespace: story.namespace, name: "none" },
  });
  try {
    const place = (text: string) => text.replaceAll("NS", story.namespace);
    const text = typeof row.body === "string" ? row.body : place(JSON.stringify(row.body ?? {}));
    const response = await server.handle(
      new Request(`http://server${place(row.path)}`, {
        method: row.method,
        ...(row.method !== "GET" && { body: text }),
      }),
      "10.0.0.8",
    );
    deepStrictEqual(
      [response.status, response.headers.get("retry-after")],
      [row.code, row.retryAfter ?? null],
    );
    const path = row.path.split("?", 1)[0] ?? "";
    const operation = document.paths[path]?.[row.method.toLowerCase()];
    const described = operation === undefined
      ? document.components.responses["NotImplemented"]
      : operation.responses[row.code];
    requireFit(document, contentOf(described), await response.json());
  } finally {
    await server.stop();
  }
});

/** While the coordinator has no address, nobody can be refused. */
async function giveAddress({ client, namespace }: AllocationStory): Promise<void> {
  const status = { phase: "Running", podIP: "10.0.0.7", podIPs: [{ ip: "10.0.0.7" }] };
  const key = { namespace, name: "demo-coordinator" };
  await client.patch(PODS, key, { status }, { subresource: "status" });
}

/** Has its dependencies to itself, so that users do not download them. */
async function validate(document: string): Promise<{ code: number; output: string }> {
  const process = new Deno.Command(Deno.execPath(), {
    args: ["run", "--quiet", "--config", `${VALIDATOR}deno.json`, "-A", `${VALIDATOR}validate.ts`],
    stdin: "piped",
    stdout: "piped",
    stderr: "inherit",
  }).spawn();
  const writer = process.stdin.getWriter();
  await writer.write(new TextEncoder().encode(document));
  await writer.close();
  const { code, stdout } = await process.output();
  return { code, output: code === 0 ? new TextDecoder().decode(stdout) : "" };
}
