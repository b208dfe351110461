/** Discovery: which groups, versions and resources there are. */
import { compareVersions } from "./crd/definition.ts";
import type { JsonObject } from "./json.ts";
import type { Registry, ResourceType } from "./registry.ts";
import { apiVersionOf, type ResourceInfo } from "./resources.ts";

/** Served versions by group, the preferred one first. */
function groupsOf(registry: Registry): Map<string, string[]> {
  const groups = new Map<string, Set<string>>();
  for (const { info } of registry.all()) {
    const versions = groups.get(info.group) ?? new Set();
    groups.set(info.group, versions.add(info.version));
  }
  return new Map(
    [...groups].map(([group, versions]) => [group, [...versions].sort(compareVersions)]),
  );
}

/** `/api` */
export function legacyVersions(serverAddress: string): JsonObject {
  return {
    kind: "APIVersions",
    versions: ["v1"],
    serverAddressByClientCIDRs: [{ clientCIDR: "0.0.0.0/0", serverAddress }],
  };
}

function groupObject(name: string, versions: readonly string[]): JsonObject {
  const entries = versions.map((version) => ({ groupVersion: `${name}/${version}`, version }));
  return { name, versions: entries, preferredVersion: entries[0] };
}

/** `/apis` */
export function groupList(registry: Registry): JsonObject {
  const groups = [...groupsOf(registry)].filter(([name]) => name !== "")
    .map(([name, versions]) => groupObject(name, versions));
  return { kind: "APIGroupList", apiVersion: "v1", groups };
}

/** `/apis/GROUP`; undefined when there is no such group. */
export function groupDocument(registry: Registry, name: string): JsonObject | undefined {
  const versions = groupsOf(registry).get(name);
  if (versions === undefined || name === "") return undefined;
  return { kind: "APIGroup", apiVersion: "v1", ...groupObject(name, versions) };
}

/** `/api/v1`, `/apis/GROUP/VERSION`; undefined when there is no such version. */
export function resourceList(
  registry: Registry,
  group: string,
  version: string,
): JsonObject | undefined {
  const types = typesOf(registry, group, version);
  if (types.length === 0) return undefined;
  const resources = types.flatMap(({ info }) => [
    {
      name: info.plural,
      singularName: info.singular,
      namespaced: info.namespaced,
      kind: info.kind,
      verbs: info.verbs,
      ...(info.shortNames.length > 0 && { shortNames: info.shortNames }),
      ...(info.categories.length > 0 && { categories: info.categories }),
    },
    ...info.subresources.map((sub) => ({
      name: `${info.plural}/${sub.name}`,
      singularName: "",
      namespaced: info.namespaced,
      ...(sub.group !== undefined && { group: sub.group, version: sub.version }),
      kind: sub.kind,
      verbs: sub.verbs,
    })),
  ]);
  const groupVersion = apiVersionOf({ group, version });
  return { kind: "APIResourceList", apiVersion: "v1", groupVersion, resources };
}

function typesOf(registry: Registry, group: string, version: string): ResourceType[] {
  return registry.all()
    .filter(({ info }) => info.group === group && info.version === version)
    .sort((a, b) => a.info.plural < b.info.plural ? -1 : 1);
}

/** Media type parameters that ask for everything in one answer. */
export const AGGREGATED_TYPE =
  "application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList";

/** True when the `Accept` header asks for aggregated discovery in the form that is spoken here. */
export function wantsAggregated(accept: string | null): boolean {
  return (accept ?? "").split(",").some((range) => {
    const parts = range.split(";").map((part) => part.trim());
    return parts.includes("g=apidiscovery.k8s.io") && parts.includes("v=v2") &&
      parts.includes("as=APIGroupDiscoveryList");
  });
}

/** `/api` or `/apis` with all versions and resources in it. */
export function aggregatedDiscovery(registry: Registry, legacy: boolean): JsonObject {
  const items = [...groupsOf(registry)].filter(([name]) => (name === "") === legacy)
    .map(([name, versions]) => ({
      metadata: { ...(name !== "" && { name }) },
      versions: versions.map((version) => ({
        version,
        resources: typesOf(registry, name, version).map(({ info }) => aggregatedResource(info)),
        freshness: "Current",
      })),
    }));
  return {
    kind: "APIGroupDiscoveryList",
    apiVersion: "apidiscovery.k8s.io/v2",
    metadata: {},
    items,
  };
}

function aggregatedResource(info: ResourceInfo): JsonObject {
  // Built-in kinds leave out group and version where they are those of the list.
  const { group, version } = info.schemaName === "" ? info : { group: "", version: "" };
  return {
    resource: info.plural,
    responseKind: { group, version, kind: info.kind },
    scope: info.namespaced ? "Namespaced" : "Cluster",
    singularResource: info.singular,
    verbs: info.verbs,
    ...(info.shortNames.length > 0 && { shortNames: info.shortNames }),
    ...(info.categories.length > 0 && { categories: info.categories }),
    ...(info.subresources.length > 0 && {
      subresources: info.subresources.map((sub) => ({
        subresource: sub.name,
        responseKind: {
          group: sub.group ?? group,
          version: sub.version ?? version,
          kind: sub.kind,
        },
        verbs: sub.verbs,
      })),
    }),
  };
}
