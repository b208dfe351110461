/** Requests on resources: which verb it is, and what it answers. */
import type { Cluster } from "../cluster.ts";
import { parseLogRequest, readLogs } from "../logs.ts";
import type { ResourceType } from "../registry.ts";
import type { ResourcePath } from "../router.ts";
import { methodNotAllowed, noSuchResource, notFound, StatusError } from "../status.ts";
import { objectKey, type Stored } from "../store.ts";
import { bindPod, evictPod } from "../writes/pods.ts";
import { createObject } from "../writes/create.ts";
import { deleteObject } from "../writes/remove.ts";
import { replaceObject, type UpdateTarget } from "../writes/update.ts";
import { listPage, parseSelection } from "./list.ts";
import { patchObject } from "./patch.ts";
import { checkListOptions, parseWriteOptions, readDeleteRequest } from "./options.ts";
import {
  type Accepted,
  booleanOf,
  contentTypeOf,
  parseAccept,
  PROTOBUF,
  readBytes,
  readObject,
} from "./request.ts";
import { jsonResponse } from "./respond.ts";
import { answerReview, issueToken } from "./reviews.ts";
import { listText, objectText, type View } from "./views.ts";
import { watchResponse } from "./watch.ts";

/** What a handler gets. */
interface Call {
  readonly cluster: Cluster;
  readonly type: ResourceType;
  readonly path: ResourcePath;
  readonly request: Request;
  readonly query: URLSearchParams;
  /** Aborts when the server stops. */
  readonly stopping: AbortSignal;
  readonly view: View;
  readonly yaml: boolean;
}

/** Answers a request on a resource; streams end when `stopping` aborts. @throws {StatusError} As the real server answers. */
export function handleResource(
  cluster: Cluster,
  path: ResourcePath,
  request: Request,
  query: URLSearchParams,
  stopping: AbortSignal,
): Promise<Response> {
  const type = cluster.registry.find(path.group, path.version, path.plural);
  if (type === undefined || path.namespace !== "" && !type.info.namespaced) throw noSuchResource();
  const call = { cluster, type, path, request, query, stopping, ...viewOf(request, query) };
  if (path.subresource !== "") return handleSubresource(call);
  return path.name === "" || path.watch ? handleCollection(call) : handleObject(call);
}

function viewOf(request: Request, query: URLSearchParams): { view: View; yaml: boolean } {
  const accepted: Accepted | undefined = parseAccept(request.headers.get("accept"));
  if (accepted === undefined) {
    throw new StatusError(
      406,
      "NotAcceptable",
      "406: Not Acceptable\n\nAvailable representations: application/json, application/yaml",
      {},
    );
  }
  const wanted = query.get("includeObject");
  const includeObject = wanted === "None" || wanted === "Object" ? wanted : "Metadata";
  return { view: { as: accepted.as, includeObject }, yaml: accepted.yaml };
}

async function handleCollection(call: Call): Promise<Response> {
  const { cluster, type, path, request, query, view, yaml } = call;
  const { namespaced, verbs } = type.info;
  switch (request.method) {
    case "GET": {
      if (!verbs.includes("list")) throw methodNotAllowed();
      const watch = path.watch || booleanOf(query, "watch");
      checkListOptions(query, watch);
      const selection = parseSelection(type, path.namespace, path.name, query);
      if (watch) {
        return watchResponse(cluster, type, selection, query, view);
      }
      const { items, metadata } = listPage(cluster, type, selection, query);
      return jsonResponse(listText(items, type, view, metadata), { yaml });
    }
    case "POST": {
      if (!verbs.includes("create")) throw methodNotAllowed();
      const options = parseWriteOptions(request, query, "CreateOptions");
      const body = await readObject(request, type.info.kind, type.info.schemaName);
      if (type.info.virtual) return answerReview(type, body, options);
      // Without a namespace in the path there is nowhere to put it.
      if (namespaced && path.namespace === "") throw methodNotAllowed();
      const stored = createObject(cluster, type, path.namespace, body, options);
      return objectResponse(call, stored, 201, options.warnings);
    }
    case "DELETE":
      if (!verbs.includes("deletecollection")) throw methodNotAllowed();
      return await deleteCollection(call);
    default:
      throw methodNotAllowed();
  }
}

async function handleObject(call: Call): Promise<Response> {
  const { cluster, type, path, request, query } = call;
  if (type.info.virtual) throw noSuchResource();
  if (type.info.namespaced && path.namespace === "") throw noSuchResource();
  switch (request.method) {
    case "GET":
      return objectResponse(call, find(call));
    case "PUT":
    case "PATCH":
      return await writeObject(call);
    case "DELETE": {
      const options = await readDeleteRequest(request, query);
      const result = deleteObject(cluster, type, path.namespace, path.name, options);
      if (result.gone && !RETURNED.has(type.info.plural)) {
        return deletedResponse(call, result.stored);
      }
      return objectResponse(call, result.stored);
    }
    default:
      throw methodNotAllowed();
  }
}
/** Kinds that a delete gives back even when they are gone; of the others it gives a Status. */
const RETURNED: ReadonlySet<string> = new Set([
  "persistentvolumeclaims",
  "pods",
  "resourcequotas",
  "serviceaccounts",
  "services",
]);

function find({ cluster, type, path }: Call): Stored {
  const stored = cluster.collectionOf(type).get(objectKey(path.namespace, path.name));
  if (stored === undefined) throw notFound(type.info, path.name);
  return stored;
}

async function writeObject(call: Call): Promise<Response> {
  const { cluster, type, path, request, query } = call;
  const { namespace, name, subresource } = path;
  const target: UpdateTarget = { type, namespace, name, subresource };
  if (request.method === "PATCH") {
    const options = parseWriteOptions(request, query, "PatchOptions");
    const { stored, created } = await patchObject(cluster, target, request, query, options);
    return objectResponse(call, stored, created ? 201 : 200, options.warnings);
  }
  const options = parseWriteOptions(request, query, "UpdateOptions");
  const body = await readObject(request, type.info.kind, type.info.schemaName);
  const { stored, created } = replaceObject(cluster, target, body, options);
  return objectResponse(call, stored, created ? 201 : 200, options.warnings);
}

async function handleSubresource(call: Call): Promise<Response> {
  const { cluster, type, path, request, query } = call;
  const { namespace, name, subresource } = path;
  const found = type.info.subresources.find((sub) => sub.name === subresource);
  if (found === undefined) throw noSuchResource();
  const verb = { GET: "get", PUT: "update", PATCH: "patch", POST: "create" }[request.method];
  if (verb === undefined || !found.verbs.includes(verb)) throw methodNotAllowed();
  switch (subresource) {
    case "log":
      return await readLogs(cluster, find(call).value, parseLogRequest(query), call.stopping);
    case "binding": {
      const body = await readObject(request, "Binding");
      bindPod(
        cluster,
        type,
        namespace,
        name,
        body,
        parseWriteOptions(request, query, "CreateOptions"),
      );
      return createdResponse();
    }
    case "eviction": {
      const body = await readObject(request, "Eviction");
      evictPod(
        cluster,
        type,
        namespace,
        name,
        body,
        parseWriteOptions(request, query, "CreateOptions"),
      );
      return createdResponse();
    }
    case "token":
      return jsonResponse(
        JSON.stringify(issueToken(find(call).value, await readTokenRequest(request))),
        { status: 201 },
      );
    default:
      return request.method === "GET" ? objectResponse(call, find(call)) : await writeObject(call);
  }
}

async function deleteCollection(call: Call): Promise<Response> {
  const { cluster, type, path, request, query, view, yaml } = call;
  const selection = parseSelection(type, path.namespace, "", query);
  const options = await readDeleteRequest(request, query);
  const { items } = listPage(cluster, type, selection, new URLSearchParams());
  for (const { value } of items) {
    const { namespace = "", name = "" } = value.metadata;
    deleteObject(cluster, type, namespace, name, options);
  }
  const metadata = { resourceVersion: String(cluster.store.version) };
  return jsonResponse(listText(items, type, view, metadata), { yaml });
}

/** Typed clients send it as protobuf; what it asks for does not matter here. */
async function readTokenRequest(request: Request): Promise<unknown> {
  if (contentTypeOf(request) !== PROTOBUF) return await readObject(request, "TokenRequest");
  await readBytes(request);
  return {};
}

function objectResponse(
  { type, view, yaml }: Call,
  stored: Stored,
  status = 200,
  warnings: readonly string[] = [],
): Response {
  return jsonResponse(objectText(stored, type, view), { status, warnings, yaml });
}
function deletedResponse({ type }: Call, { value }: Stored): Response {
  const { group, plural } = type.info;
  const { name, uid } = value.metadata;
  return jsonResponse(JSON.stringify({
    kind: "Status",
    apiVersion: "v1",
    metadata: {},
    status: "Success",
    details: { name, ...(group !== "" && { group }), kind: plural, uid },
  }));
}
function createdResponse(): Response {
  const status = { kind: "Status", apiVersion: "v1", metadata: {}, status: "Success", code: 201 };
  return jsonResponse(JSON.stringify(status), { status: 201 });
}
