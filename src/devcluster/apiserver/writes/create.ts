/** Creation of objects. */
import type { Cluster } from "../cluster.ts";
import { type ApiObject, isEqual, type JsonObject } from "../json.ts";
import type { ResourceType } from "../registry.ts";
import { alreadyExists, badRequest, forbiddenRequest, notFound, StatusError } from "../status.ts";
import { objectKey, seal, type Stored } from "../store.ts";
import { timestamp } from "../timestamp.ts";
import { decodeObject, setDefaults, validateObject, type WriteOptions } from "./decode.ts";

const NAMESPACES = { group: "", plural: "namespaces" };
/** Letters that make no words. */
const SUFFIX_LETTERS = "bcdfghjklmnpqrstvwxz2456789";
const SUFFIX_LENGTH = 5;
const GENERATED_MAX_LENGTH = 63;
const GENERATED_TRIES = 8;

/**
 * Stores a new object and gives it back as stored.
 *
 * @param body The parsed body; taken over.
 * @param namespace From the path; "" for kinds of the cluster.
 * @param managedFields Who manages what, where that is known.
 * @throws {StatusError} As the real server answers.
 */
export function createObject(
  cluster: Cluster,
  type: ResourceType,
  namespace: string,
  body: unknown,
  options: WriteOptions,
  managedFields?: readonly JsonObject[],
): Stored {
  const { info, rules } = type;
  const object = decodeObject(body, type, options);
  const { metadata } = object;
  if (info.namespaced) {
    if (metadata.namespace !== undefined && metadata.namespace !== namespace) {
      throw badRequest(
        "the namespace of the provided object does not match the namespace sent on the request",
      );
    }
    metadata.namespace = namespace;
    checkNamespace(cluster, type, object, namespace);
  } else delete metadata.namespace;
  if (metadata.resourceVersion !== undefined && metadata.resourceVersion !== "") {
    throw new StatusError(500, "", "resourceVersion should not be set on objects to be created");
  }
  const generated = !metadata.name && typeof metadata.generateName === "string" &&
    metadata.generateName !== "";
  metadata.uid = crypto.randomUUID();
  metadata.creationTimestamp = timestamp();
  delete metadata.deletionTimestamp;
  delete metadata.deletionGracePeriodSeconds;
  delete metadata.managedFields;
  if (managedFields !== undefined) metadata.managedFields = managedFields;
  dropEmpty(metadata);
  if (info.countsGeneration) metadata.generation = 1;
  else delete metadata.generation;
  // A node comes with its status; every other status is written by its owner later.
  if (info.statusSubresource && info.plural !== "nodes") delete object.status;

  const collection = cluster.collectionOf(type);
  const base = metadata.generateName ?? "";
  let key = objectKey(namespace, metadata.name ?? "");
  for (let tries = 0; generated && tries < GENERATED_TRIES; tries += 1) {
    metadata.name = generateName(base);
    key = objectKey(namespace, metadata.name);
    if (collection.get(key) === undefined) break;
  }
  setDefaults(object, type);
  let allocated: string | undefined;
  rules.prepareCreate?.(object, {
    allocateAddress(wanted) {
      allocated = cluster.addresses.allocate(wanted);
      return allocated;
    },
    priorityClass: (name) => cluster.priorityClass(name),
  });
  try {
    validateObject(object, undefined, type);
    if (collection.get(key) !== undefined) throw alreadyExists(info, metadata.name ?? "");
  } catch (error) {
    if (allocated !== undefined) cluster.addresses.release(allocated);
    throw error;
  }
  if (options.dryRun) {
    if (allocated !== undefined) cluster.addresses.release(allocated);
    return unsaved(object);
  }
  return collection.create(key, object);
}

/** Empty maps and lists of the metadata are as good as none. */
export function dropEmpty(metadata: JsonObject): void {
  for (const field of ["labels", "annotations"]) {
    if (isEqual(metadata[field], {})) delete metadata[field];
  }
  for (const field of ["finalizers", "ownerReferences"]) {
    if (isEqual(metadata[field], [])) delete metadata[field];
  }
}

/** An object in the form of a stored one that nobody stores: it has no version. */
export function unsaved(object: ApiObject): Stored {
  const sealed = seal(object, 0);
  delete sealed.value.metadata.resourceVersion;
  return { ...sealed, text: JSON.stringify(sealed.value) };
}

function generateName(base: string): string {
  const random = crypto.getRandomValues(new Uint8Array(SUFFIX_LENGTH));
  let suffix = "";
  for (const byte of random) suffix += SUFFIX_LETTERS[byte % SUFFIX_LETTERS.length];
  return base.slice(0, GENERATED_MAX_LENGTH - SUFFIX_LENGTH) + suffix;
}

function checkNamespace(
  cluster: Cluster,
  { info }: ResourceType,
  { metadata }: ApiObject,
  namespace: string,
): void {
  const found = cluster.namespace(namespace);
  if (found === undefined) throw notFound(NAMESPACES, namespace);
  if (found.value.metadata.deletionTimestamp === undefined) return;
  const why =
    `unable to create new content in namespace ${namespace} because it is being terminated`;
  throw forbiddenRequest(info, metadata.name ?? "", why, [{
    reason: "NamespaceTerminating",
    message: `namespace ${namespace} is being terminated`,
    field: "metadata.namespace",
  }]);
}
