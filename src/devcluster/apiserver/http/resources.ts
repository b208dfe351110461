/** Requests on resources: which verb it is, and what it answers. */
import type { Authenticator, Identity } from "../auth/identity.ts";
import type { ServiceAccountTokens } from "../auth/tokens.ts";
import type { Cluster } from "../cluster.ts";
import type { ApiObject } from "../json.ts";
import { parseLogRequest, readLogs } from "../logs.ts";
import { answerStream, isStream } from "../pod_streams.ts";
import type { ResourceType } from "../registry.ts";
import { BINDING, type ResourceInfo, SCALE, TOKEN_REQUEST } from "../resources.ts";
import type { ResourcePath } from "../router.ts";
import { badRequest, methodNotAllowed, noSuchResource, notFound, StatusError } from "../status.ts";
import type { Stored } from "../store.ts";
import { bindPod, evictPod } from "../writes/pods.ts";
import { createObject } from "../writes/create.ts";
import { decodeObject, type WriteOptions } from "../writes/decode.ts";
import { deleteObject } from "../writes/remove.ts";
import { SCALE_TYPE, scaleOf, updateScale } from "../writes/scale.ts";
import { replaceObject, type UpdateTarget } from "../writes/update.ts";
import { checkVersion, listPage, parseSelection } from "./list.ts";
import { patchedObject, patchObject, readPatch } from "./patch.ts";
import { checkListOptions, parseWriteOptions, readDeleteRequest } from "./options.ts";
import { type Accepted, booleanOf, parseAccept, readObject, versionOf } from "./request.ts";
import { jsonResponse, warn } from "./respond.ts";
import { answerReview } from "./reviews.ts";
import { issueToken } from "./token_request.ts";
import { listText, objectText, type View } from "./views.ts";
import { watchResponse } from "./watch.ts";

/** What requests share, and who sends this one. */
export interface Surroundings {
  readonly cluster: Cluster;
  readonly identity: Identity;
  readonly authenticator: Authenticator;
  readonly tokens: ServiceAccountTokens;
  /** Aborts when the server stops. */
  readonly stopping: AbortSignal;
}

/** What a handler gets. */
interface Call extends Surroundings {
  readonly type: ResourceType;
  readonly path: ResourcePath;
  readonly request: Request;
  readonly query: URLSearchParams;
  readonly view: View;
  /** Set where the client wants what only one object, or only a list, can be turned into. */
  readonly formOf: Accepted["of"];
  readonly yaml: boolean;
}

/** Answers a request on a resource; streams end when `stopping` aborts. @throws {StatusError} As the real server answers. */
export function handleResource(
  path: ResourcePath,
  request: Request,
  query: URLSearchParams,
  surroundings: Surroundings,
): Promise<Response> {
  const type = surroundings.cluster.registry.find(path.group, path.version, path.plural);
  if (type === undefined || path.namespace !== "" && !type.info.namespaced) throw noSuchResource();
  const call = { ...surroundings, type, path, request, query, ...viewOf(request, query) };
  return withDeprecation(answer(call), type);
}

function answer(call: Call): Promise<Response> {
  const { path } = call;
  if (path.subresource !== "") return handleSubresource(call);
  return path.name === "" || path.watch ? handleCollection(call) : handleObject(call);
}

/** Every answer in a version that is on its way out says so. */
async function withDeprecation(
  answered: Promise<Response>,
  { custom }: ResourceType,
): Promise<Response> {
  const response = await answered;
  if (custom !== undefined && custom.deprecation !== "") warn(response, custom.deprecation);
  return response;
}

function viewOf(
  request: Request,
  query: URLSearchParams,
): Pick<Call, "view" | "yaml" | "formOf"> {
  const header = request.headers.get("accept");
  const accepted: Accepted | undefined = parseAccept(header);
  if (accepted === undefined) {
    if (header?.includes("as=")) {
      throw notAcceptable(
        "only the following media types are accepted: application/json, application/yaml",
      );
    }
    throw new StatusError(
      406,
      "NotAcceptable",
      "406: Not Acceptable\n\nAvailable representations: application/json, application/yaml",
      {},
    );
  }
  const wanted = query.get("includeObject") ?? "";
  const includeObject = wanted === "" ? "Metadata" : wanted;
  if (includeObject === "None" || includeObject === "Object" || includeObject === "Metadata") {
    const { as, yaml, of } = accepted;
    return { view: { as, includeObject }, yaml, formOf: of };
  }
  throw badRequest(
    `Unable to convert to Table as requested: includeObject: Invalid value: ${
      JSON.stringify(wanted)
    }: must be 'Metadata', 'Object', 'None', or empty`,
  );
}

function notAcceptable(message: string): StatusError {
  return new StatusError(406, "NotAcceptable", message);
}

/** @throws {StatusError} 406 when the form that is asked for is not one of what there is. */
function checkForm({ formOf, type }: Call, found: "object" | "list"): void {
  if (formOf === undefined || formOf === found) return;
  const { custom, info: { kind } } = type;
  const name = custom === undefined ? `core.${kind}` : "unstructured.Unstructured";
  throw notAcceptable(
    found === "list"
      ? `you requested PartialObjectMetadata, but the requested object is a list (*${name}List)`
      : `you requested PartialObjectMetadataList, but the requested object is not a list (*${name})`,
  );
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
      checkForm(call, "list");
      const { items, metadata } = listPage(cluster, type, selection, query);
      return jsonResponse(listText(items, type, view, metadata), { yaml });
    }
    case "POST": {
      if (!verbs.includes("create")) throw methodNotAllowed();
      // Without a namespace in the path there is nowhere to put it.
      if (namespaced && path.namespace === "") throw methodNotAllowed();
      const { body, options } = await readWrite(call, "CreateOptions");
      if (type.info.virtual) return answerReview(call, body, options);
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
      checkVersion(cluster, versionOf(query));
      checkForm(call, "object");
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
  const stored = cluster.find(type, path.namespace, path.name);
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
  const { body, options } = await readWrite(call, "UpdateOptions");
  const { stored, created } = replaceObject(cluster, target, body, options);
  return objectResponse(call, stored, created ? 201 : 200, options.warnings);
}

/** The options and the body of a write. @throws {StatusError} 400, 413, 415 or 422. */
async function readWrite(
  { request, query, type }: Call,
  kind: "CreateOptions" | "UpdateOptions",
  info: ResourceInfo = type.info,
): Promise<{ readonly body: unknown; readonly options: WriteOptions }> {
  const options = parseWriteOptions(request, query, kind);
  const { value, repeated } = await readObject(request, info.kind, info.schemaName);
  return { body: value, options: { ...options, ...(repeated !== undefined && { repeated }) } };
}

async function handleSubresource(call: Call): Promise<Response> {
  const { cluster, type, path, request, query } = call;
  const { namespace, name, subresource } = path;
  const found = type.info.subresources.find((sub) => sub.name === subresource);
  if (found === undefined) throw noSuchResource();
  const verb = { GET: "get", PUT: "update", PATCH: "patch", POST: "create" }[request.method];
  if (verb === undefined || !found.verbs.includes(verb)) throw methodNotAllowed();
  if (isStream(subresource)) {
    const { value } = find(call);
    return answerStream(cluster, value, subresource, query, request.headers.get("upgrade"));
  }
  switch (subresource) {
    case "log":
      return await readLogs(cluster, find(call).value, parseLogRequest(query), call.stopping);
    case "binding": {
      const { body, options } = await readWrite(call, "CreateOptions", BINDING);
      bindPod(cluster, type, namespace, name, decodeObject(body, BINDING_TYPE, options), options);
      return createdResponse(options.warnings);
    }
    case "eviction": {
      const { body, options } = await readWrite(call, "CreateOptions");
      evictPod(cluster, type, namespace, name, body, options);
      return createdResponse();
    }
    case "token": {
      const { body, options } = await readWrite(call, "CreateOptions", TOKEN_REQUEST);
      const issued = issueToken(call, find(call).value, body, options);
      return jsonResponse(JSON.stringify(issued), { status: 201, warnings: options.warnings });
    }
    case "scale":
      return await handleScale(call);
    default:
      return request.method === "GET" ? objectResponse(call, find(call)) : await writeObject(call);
  }
}
const BINDING_TYPE: ResourceType = { info: BINDING, rules: {}, custom: undefined };

async function handleScale(call: Call): Promise<Response> {
  const { cluster, type, path, request, query, yaml } = call;
  const { namespace, name, subresource } = path;
  const target: UpdateTarget = { type, namespace, name, subresource };
  const answer = (scale: ApiObject, warnings: readonly string[] = []) =>
    jsonResponse(JSON.stringify(scale), { yaml, warnings });
  switch (request.method) {
    case "GET":
      return answer(scaleOf(find(call).value, type));
    case "PATCH": {
      const options = parseWriteOptions(request, query, "PatchOptions");
      const patch = await readPatch(request, SCALE_TYPE);
      const next = (scale: ApiObject) => patchedObject(scale, patch, SCALE_TYPE, options);
      return answer(updateScale(cluster, target, next, options), options.warnings);
    }
    default: {
      const { body, options } = await readWrite(call, "UpdateOptions", SCALE);
      const next = () => decodeObject(body, SCALE_TYPE, options);
      return answer(updateScale(cluster, target, next, options), options.warnings);
    }
  }
}

async function deleteCollection(call: Call): Promise<Response> {
  const { cluster, type, path, request, query, view, yaml } = call;
  const selection = parseSelection(type, path.namespace, "", query);
  const options = await readDeleteRequest(request, query);
  const { items, metadata } = listPage(cluster, type, selection, query);
  for (const { value } of items) {
    const { namespace = "", name = "" } = value.metadata;
    deleteObject(cluster, type, namespace, name, options);
  }
  return jsonResponse(listText(items, type, view, metadata), { yaml });
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
function createdResponse(warnings: readonly string[] = []): Response {
  const status = { kind: "Status", apiVersion: "v1", metadata: {}, status: "Success", code: 201 };
  return jsonResponse(JSON.stringify(status), { status: 201, warnings });
}
