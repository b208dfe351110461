/** Which resources are served right now: the built-in ones and those of the stored definitions. */
import { versionsOf } from "./crd/definition.ts";
import type { CustomVersion } from "./crd/definition.ts";
import type { ApiObject } from "./json.ts";
import { type KindRules, rulesOf } from "./kinds/rules.ts";
import { apiVersionOf, BUILT_IN, type ResourceInfo } from "./resources.ts";
import { seal, type Stored } from "./store.ts";

/** A served resource with all that belongs to it. */
export interface ResourceType {
  readonly info: ResourceInfo;
  readonly rules: KindRules;
  /** Set for custom resources. */
  readonly custom: CustomVersion | undefined;
}

/** The object in the version of the type, whichever it was written in: all but `apiVersion` is the same. */
export function asType(stored: Stored, { custom, info }: ResourceType): Stored {
  if (custom === undefined) return stored;
  const apiVersion = apiVersionOf(info);
  if (stored.value.apiVersion === apiVersion) return stored;
  return seal(
    { ...stored.value, metadata: { ...stored.value.metadata }, apiVersion },
    stored.version,
  );
}

const NO_RULES: KindRules = {};

export class Registry {
  readonly #types = new Map<string, ResourceType>();
  readonly #definitions = new Map<string, readonly ResourceType[]>();
  /** Counts changes of the set: derived documents are made anew when it moves. */
  generation = 0;

  constructor() {
    for (const info of BUILT_IN) {
      this.#types.set(keyOf(info), { info, rules: rulesOf(info), custom: undefined });
    }
  }

  find(group: string, version: string, plural: string): ResourceType | undefined {
    return this.#types.get(`${group}/${version}/${plural}`);
  }
  /** By the names that objects carry. */
  findKind(apiVersion: string, kind: string): ResourceType | undefined {
    const slash = apiVersion.lastIndexOf("/");
    const group = slash === -1 ? "" : apiVersion.slice(0, slash);
    const version = apiVersion.slice(slash + 1);
    const types = this.all().filter(({ info }) => info.kind === kind && info.group === group);
    // What was written in a version may outlive its being served.
    return types.find(({ info }) => info.version === version) ?? types[0];
  }
  all(): ResourceType[] {
    return [...this.#types.values()];
  }
  /** Whether it is a group of the server's own: it answers for all versions of those, and for no others. */
  hasBuiltInGroup(group: string): boolean {
    return BUILT_IN.some((info) => info.group === group);
  }
  hasGroupVersion(group: string, version: string): boolean {
    return this.all().some(({ info }) => info.group === group && info.version === version);
  }

  /** Serves what the definition declares, in place of what it declared before. */
  define(definition: ApiObject): void {
    this.undefine(definition);
    const types = versionsOf(definition).map((custom): ResourceType => ({
      info: custom.info,
      rules: NO_RULES,
      custom,
    }));
    this.#definitions.set(definition.metadata.name ?? "", types);
    for (const type of types) this.#types.set(keyOf(type.info), type);
    this.generation += 1;
  }
  undefine(definition: ApiObject): void {
    const name = definition.metadata.name ?? "";
    for (const { info } of this.#definitions.get(name) ?? []) this.#types.delete(keyOf(info));
    if (this.#definitions.delete(name)) this.generation += 1;
  }
  /** The resources that a definition declares now. */
  definedBy(name: string): readonly ResourceType[] {
    return this.#definitions.get(name) ?? [];
  }
}

function keyOf({ group, version, plural }: ResourceInfo): string {
  return `${group}/${version}/${plural}`;
}
