/** What the server knows of the cluster: watch caches, and the API server itself where they miss. */
import {
  API_VERSION,
  CONTROLLER_NAME,
  type DIJob,
  DIJOBS,
  GROUP_SELECTOR,
  LABEL,
} from "../api/mod.ts";
import { isReplacementOf, REPLACES_NAME_ANNOTATION } from "../allocation/mod.ts";
import {
  controllerOf,
  isNotFound,
  type KubeClient,
  type KubeObject,
  listWatch,
  ObjectCache,
  type ObjectKey,
  type Pod,
  PODS,
  type Resource,
  runReflector,
} from "../kube/mod.ts";
import type { Logger } from "../lib/logger.ts";
import { isOfType } from "../replicas/mod.ts";
import { trimJob, trimPod } from "./trim.ts";

/** Objects per page of a live list. */
const PAGE_SIZE = 500;
const NAME_FORM = /^[a-z0-9]([-.a-z0-9]*[a-z0-9])?$/;

/** Jobs and their pods. Objects are shared and never written to. */
export class ClusterView {
  readonly client: KubeClient;
  readonly #jobs = new ObjectCache<DIJob>();
  readonly #pods = buildPodCache();

  constructor(client: KubeClient) {
    this.client = client;
  }

  /** Keeps the caches current until `signal` aborts. Never rejects. */
  async run(signal: AbortSignal, log: Logger): Promise<void> {
    const { client } = this;
    await Promise.all([
      runReflector({
        source: listWatch(client, DIJOBS),
        cache: this.#jobs,
        trim: trimJob,
        log,
        signal,
      }),
      runReflector({
        source: listWatch(client, PODS, { labelSelector: GROUP_SELECTOR }),
        cache: this.#pods,
        trim: trimPod,
        log,
        signal,
      }),
    ]);
  }

  /** Resolves when both caches have been filled. */
  async filled(): Promise<void> {
    await Promise.all([this.#jobs.filled, this.#pods.filled]);
  }

  /** Takes in a pod as the API server has answered it, so that the next read sees it. */
  observe(pod: Pod): void {
    this.#pods.observe(trimPod(pod));
  }

  /** Takes out a pod whose deletion the API server has accepted. */
  forget(pod: Pod): void {
    this.#pods.forget(pod);
  }

  knownPod(key: ObjectKey): Pod | undefined {
    return this.#pods.get(key);
  }

  async findPod(key: ObjectKey, signal: AbortSignal): Promise<Pod | undefined> {
    return this.#pods.get(key) ?? await this.livePod(key, signal);
  }

  /** The pod as the API server has it now. */
  async livePod(key: ObjectKey, signal: AbortSignal): Promise<Pod | undefined> {
    const pod = await getOrNothing(this.client, PODS, key, signal);
    // Pods without the label are not watched, so nothing would ever take them out of the cache.
    if (pod !== undefined && GROUP_SELECTOR === groupOf(pod)) this.observe(pod);
    return pod === undefined ? undefined : trimPod(pod);
  }

  async findJob(key: ObjectKey, signal: AbortSignal): Promise<DIJob | undefined> {
    return this.#jobs.get(key) ?? await this.liveJob(key, signal);
  }

  /** The job as the API server has it now. */
  async liveJob(key: ObjectKey, signal: AbortSignal): Promise<DIJob | undefined> {
    const job = await getOrNothing(this.client, DIJOBS, key, signal);
    if (job !== undefined) this.#jobs.observe(trimJob(job));
    return job;
  }

  /**
   * The pod made in place of one that may be gone already.
   *
   * @param replaced Name of that one, and its uid where it is still known.
   */
  async findReplacement(
    job: DIJob,
    replaced: { readonly name: string; readonly uid?: string | undefined },
    signal: AbortSignal,
  ): Promise<Pod | undefined> {
    const namespace = job.metadata.namespace ?? "";
    const search = (pods: ObjectCache<Pod>) =>
      pods.byIndex("replaces", `${job.metadata.uid}/${replaced.name}`).find((pod) =>
        pod.metadata.deletionTimestamp === undefined &&
        (replaced.uid === undefined || isReplacementOf(pod, replaced.uid))
      );
    const known = search(await this.podsOf(namespace, signal));
    if (known !== undefined || replaced.uid !== undefined) return known;
    // The name is gone and the next word would be a 404: another copy may have replaced it just now.
    const live = search(
      await this.#listPods(namespace, signal, `${LABEL.job}=${job.metadata.name}`),
    );
    if (live !== undefined) this.observe(live);
    return live;
  }

  /**
   * The pods of a namespace, or more; of all for "". They are the cache's, or what the API server has
   * while that is being filled.
   */
  async podsOf(namespace: string, signal: AbortSignal): Promise<ObjectCache<Pod>> {
    return this.#pods.isFilled ? this.#pods : await this.#listPods(namespace, signal);
  }

  /** The pods of a job as the API server has them now, whatever the cache has heard of. */
  async livePodsOf({ metadata }: DIJob, signal: AbortSignal): Promise<readonly Pod[]> {
    const selector = `${LABEL.job}=${metadata.name}`;
    const pods = await this.#listPods(metadata.namespace ?? "", signal, selector);
    for (const pod of pods.values()) this.observe(pod);
    return podsOwnedBy(pods, metadata.uid);
  }

  async #listPods(
    namespace: string,
    signal: AbortSignal,
    labelSelector?: string,
  ): Promise<ObjectCache<Pod>> {
    const scope = {
      namespace,
      signal,
      limit: PAGE_SIZE,
      labelSelector: [GROUP_SELECTOR, ...(labelSelector ? [labelSelector] : [])].join(),
    };
    const pods = buildPodCache();
    let page = await this.client.list(PODS, scope);
    for (;;) {
      for (const pod of page.items) pods.observe(trimPod(pod));
      const { continue: next } = page.metadata;
      if (!next) return pods;
      page = await this.client.list(PODS, { ...scope, continue: next });
    }
  }
}

/** Uid of the job that a pod is of, by its controller reference; undefined: of none. */
export function jobReferenceOf(pod: Pod): { name: string; uid: string } | undefined {
  const owner = controllerOf(pod);
  return owner?.kind === DIJOBS.kind && owner.apiVersion === API_VERSION ? owner : undefined;
}

/** The pods whose controller is the object with this uid (a job, an aggregator). */
export function podsOwnedBy(pods: ObjectCache<Pod>, uid: string | undefined): readonly Pod[] {
  return pods.byIndex("owner", uid ?? "");
}

/** The coordinators of a namespace in whatever state; of all for "". */
export function coordinatorsIn(pods: ObjectCache<Pod>, namespace: string): readonly Pod[] {
  return pods.byIndex("coordinators", namespace);
}

function buildPodCache(): ObjectCache<Pod> {
  return new ObjectCache<Pod>({
    owner: (pod) => {
      const owner = controllerOf(pod);
      return owner === undefined ? [] : [owner.uid];
    },
    coordinators: (pod) =>
      isOfType(pod, "coordinator") && pod.metadata.labels?.[LABEL.controller] === CONTROLLER_NAME
        ? [pod.metadata.namespace ?? "", ""]
        : [],
    replaces: (pod) => {
      const name = pod.metadata.annotations?.[REPLACES_NAME_ANNOTATION];
      return name === undefined ? [] : [`${controllerOf(pod)?.uid}/${name}`];
    },
  });
}

function groupOf(pod: Pod): string {
  return `${LABEL.group}=${pod.metadata.labels?.[LABEL.group]}`;
}

async function getOrNothing<T extends KubeObject>(
  client: KubeClient,
  resource: Resource<T>,
  key: ObjectKey,
  signal: AbortSignal,
): Promise<T | undefined> {
  // Nothing has such a name, and a path with ".." in it would lead elsewhere.
  if (!NAME_FORM.test(key.namespace) || !NAME_FORM.test(key.name)) return undefined;
  try {
    return await client.get(resource, key, { signal });
  } catch (error) {
    if (isNotFound(error)) return undefined;
    throw error;
  }
}
