/** What the server knows of the cluster: watch caches, and the API server itself where they miss. */
import {
  API_VERSION,
  CONTROLLER_NAME,
  type DIJob,
  DIJOBS,
  GROUP_SELECTOR,
  LABEL,
} from "../api/mod.ts";
import { REPLACES_NAME_ANNOTATION } from "../allocation/mod.ts";
import {
  controllerOf,
  ifFound,
  type KubeClient,
  type KubeObject,
  listWatch,
  type Node,
  NODES,
  ObjectCache,
  type ObjectKey,
  type Pod,
  PODS,
  type Resource,
  runReflector,
} from "../kube/mod.ts";
import type { Logger } from "../lib/logger.ts";
import { isOfType } from "../replicas/mod.ts";
import { trimJob, trimNode, trimPod } from "./trim.ts";

/** Objects per page of a live list. */
const PAGE_SIZE = 500;
const NAME_FORM = /^[a-z0-9]([-.a-z0-9]*[a-z0-9])?$/;

/** Jobs and their pods. Objects are shared and never written to. */
export class ClusterView {
  readonly client: KubeClient;
  readonly #jobs = new ObjectCache<DIJob>();
  readonly #pods = buildPodCache();
  readonly #nodes = new ObjectCache<Node>();

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
      runReflector({
        source: listWatch(client, NODES),
        cache: this.#nodes,
        trim: trimNode,
        log,
        signal,
      }),
    ]);
  }

  /** Resolves when the caches of jobs and pods have been filled: nearly nothing needs that of nodes. */
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

  /** The nodes of the cluster, as far as GPUs are concerned. */
  async listNodes(signal: AbortSignal): Promise<readonly Node[]> {
    if (this.#nodes.isFilled) return [...this.#nodes.values()];
    const { items } = await this.client.list(NODES, { signal });
    return items.map(trimNode);
  }

  /** The pod that has been made in place of the one of that name, which is gone. */
  async findReplacement(job: DIJob, name: string, signal: AbortSignal): Promise<Pod | undefined> {
    const namespace = job.metadata.namespace ?? "";
    const search = async (pods: ObjectCache<Pod>) => {
      const candidates = pods.byIndex("replaces", `${namespace}/${name}`);
      for (const pod of candidates) {
        if (pod.metadata.deletionTimestamp !== undefined) continue;
        if (await this.isOfJob(pod, job, signal)) return pod;
      }
      return undefined;
    };
    const known = await search(await this.podsOf(namespace, signal));
    if (known !== undefined) return known;
    // The name is gone and the next word would be a 404: another copy may have replaced it just now.
    const live = await search(
      await this.#listPods(namespace, signal, `${LABEL.job}=${job.metadata.name}`),
    );
    if (live !== undefined) this.observe(live);
    return live;
  }

  /** True for a pod of this job, also for a ddp learner: that one is its aggregator's. */
  async isOfJob(pod: Pod, job: DIJob, signal: AbortSignal): Promise<boolean> {
    const owner = await this.ownerJobOf(pod, signal);
    return owner?.uid === job.metadata.uid;
  }

  /** Name and uid of the job that a pod is of; undefined: of none. */
  async ownerJobOf(pod: Pod, signal: AbortSignal): Promise<JobOwner | undefined> {
    const owner = controllerOf(pod);
    if (owner?.kind !== PODS.kind || owner.apiVersion !== "v1") return jobReferenceOf(pod);
    const key = { namespace: pod.metadata.namespace ?? "", name: owner.name };
    const aggregator = await this.findPod(key, signal);
    return aggregator?.metadata.uid === owner.uid ? jobReferenceOf(aggregator) : undefined;
  }

  /**
   * The pods of a namespace, or more; of all for "". They are the cache's, or what the API server has
   * while that is being filled.
   */
  async podsOf(namespace: string, signal: AbortSignal): Promise<ObjectCache<Pod>> {
    return this.#pods.isFilled ? this.#pods : await this.#listPods(namespace, signal);
  }

  /** The pods of a job as the API server has them now, whatever the cache has heard of. */
  async livePodsOf(job: DIJob, signal: AbortSignal): Promise<readonly Pod[]> {
    const { metadata } = job;
    const selector = `${LABEL.job}=${metadata.name}`;
    const pods = await this.#listPods(metadata.namespace ?? "", signal, selector);
    for (const pod of pods.values()) this.observe(pod);
    return podsOfJob(pods, job);
  }

  /** All pods that say to be of the job of this name, members of groups among them, as they are now. */
  async livePodsLabelled(
    { namespace, name }: ObjectKey,
    signal: AbortSignal,
  ): Promise<readonly Pod[]> {
    return [...(await this.#listPods(namespace, signal, `${LABEL.job}=${name}`)).values()];
  }

  /** The pods of a job that ask the server for replicas, as they are now: a handful. */
  async liveAskersOf(job: DIJob, signal: AbortSignal): Promise<readonly Pod[]> {
    const { namespace = "", name } = job.metadata;
    const selector = `${LABEL.job}=${name},${LABEL.replicaType} in (coordinator,aggregator)`;
    const pods = await this.#listPods(namespace, signal, selector);
    for (const pod of pods.values()) this.observe(pod);
    return podsOfJob(pods, job);
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

export interface JobOwner {
  readonly name: string;
  readonly uid: string;
}

/** The job that a pod's controller reference names; undefined: it names none. */
export function jobReferenceOf(pod: Pod): JobOwner | undefined {
  const owner = controllerOf(pod);
  return owner?.kind === DIJOBS.kind && owner.apiVersion === API_VERSION ? owner : undefined;
}

/** All pods of a job: its own, and the ddp learners behind its aggregators. */
export function podsOfJob(pods: ObjectCache<Pod>, { metadata }: DIJob): readonly Pod[] {
  const own = podsOwnedBy(pods, metadata.uid);
  const aggregators = own.filter((pod) => isOfType(pod, "aggregator"));
  return [...own, ...aggregators.flatMap((pod) => podsOwnedBy(pods, pod.metadata.uid))];
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
      return name === undefined ? [] : [`${pod.metadata.namespace}/${name}`];
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
  return await ifFound(client.get(resource, key, { signal }));
}
