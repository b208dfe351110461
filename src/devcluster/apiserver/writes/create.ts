/** Creation of objects. */
import type { Cluster } from "../cluster.ts";
import { type ApiObject, isEqual, type JsonObject } from "../json.ts";
import type { CreateContext } from "../kinds/rules.ts";
import { recordCreate } from "../managed/record.ts";
import type { ResourceType } from "../registry.ts";
import {
  alreadyExists,
  forbiddenRequest,
  notFound,
  otherNamespace,
  StatusError,
} from "../status.ts";
import { objectKey, seal, type Stored } from "../store.ts";
import { timestamp } from "../timestamp.ts";
import { decodeObject, setDefaults, validateObject, type WriteOptions } from "./decode.ts";

const NAMESPACES = { group: "", plural: "namespaces" };
const DEFINITIONS = { group: "apiextensions.k8s.io", plural: "customresourcedefinitions" };
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
 * @param record Gives the record of field managers, once defaults are filled.
 * @throws {StatusError} As the real server answers.
 */
export function createObject(
  cluster: Cluster,
  type: ResourceType,
  namespace: string,
  body: unknown,
  options: WriteOptions,
  record: (object: ApiObject) => readonly JsonObject[] | undefined = (object) =>
    recordCreate(object, { type, subresource: "", manager: options.manager }),
): Stored {
  const { info, rules } = type;
  const object = decodeObject(body, type, options);
  const { metadata } = object;
  if (type.custom !== undefined) checkDefinition(cluster, type, object);
  if (info.namespaced) {
    if (metadata.namespace !== undefined && metadata.namespace !== namespace) {
      throw otherNamespace();
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
  const managedFields = record(object);
  if (managedFields === undefined) delete metadata.managedFields;
  else metadata.managedFields = managedFields;
  const taken: (() => void)[] = [];
  const giveBack = () => {
    for (const release of taken) release();
  };
  try {
    rules.prepareCreate?.(object, createContext(cluster, namespace, taken));
    validateObject(object, undefined, type);
    const there = collection.get(key)?.value;
    if (there !== undefined) throw alreadyExists(info, there);
  } catch (error) {
    giveBack();
    throw error;
  }
  options.warnings.push(...rules.warn?.(object) ?? []);
  if (options.dryRun) {
    giveBack();
    return unsaved(object);
  }
  return collection.create(key, object);
}

/** @param taken Gets what gives back each thing that is given out. */
function createContext(
  cluster: Cluster,
  namespace: string,
  taken: (() => void)[],
): CreateContext {
  return {
    allocateAddress(wanted) {
      const address = cluster.addresses.allocate(wanted);
      if (address !== undefined) taken.push(() => cluster.addresses.release(address));
      return address;
    },
    allocateNodePort(wanted) {
      const port = cluster.nodePorts.allocate(wanted);
      if (port !== undefined) taken.push(() => cluster.nodePorts.release(port));
      return port;
    },
    hasServiceAccount: (name) => cluster.hasServiceAccount(namespace, name),
    priorityClass: (name) => cluster.priorityClass(name),
  };
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

function checkDefinition(cluster: Cluster, { info }: ResourceType, { metadata }: ApiObject): void {
  const key = objectKey("", `${info.plural}.${info.group}`);
  const definition = cluster.store.collection(DEFINITIONS).get(key)?.value;
  if (definition?.metadata.deletionTimestamp === undefined) return;
  const why = "create not allowed while custom resource definition is terminating";
  throw forbiddenRequest(info, metadata.name ?? metadata.generateName ?? "", why);
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
  throw forbiddenRequest(info, metadata.name ?? metadata.generateName ?? "", why, [{
    reason: "NamespaceTerminating",
    message: `namespace ${namespace} is being terminated`,
    field: "metadata.namespace",
  }]);
}
