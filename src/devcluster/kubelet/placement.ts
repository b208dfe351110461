/** Whether a pod may go to the node, by the rules that a scheduler has for a single one. No I/O. */
import type { Node, Pod } from "../../kube/mod.ts";
import { type Amounts, amountsOf, amountText, requestsOf } from "./pod_resources.ts";

type NodeSpec = NonNullable<Node["spec"]>;
type Taint = NonNullable<NodeSpec["taints"]>[number];
type PodSpec = NonNullable<Pod["spec"]>;
type Toleration = NonNullable<PodSpec["tolerations"]>[number];
type NodeAffinity = NonNullable<NonNullable<PodSpec["affinity"]>["nodeAffinity"]>;
type SelectorTerm = NonNullable<
  NodeAffinity["requiredDuringSchedulingIgnoredDuringExecution"]
>["nodeSelectorTerms"][number];
type Requirement = NonNullable<SelectorTerm["matchExpressions"]>[number];

/** The node that pods are given to, as the API server has it. */
export interface NodeOffer {
  readonly name: string;
  readonly labels: Readonly<Record<string, string>>;
  /** `kubectl cordon` was there. */
  readonly isCordoned: boolean;
  readonly taints: readonly Taint[];
  readonly allocatable: Amounts;
}

interface HostPort {
  readonly address: string;
  readonly protocol: string;
  readonly port: number;
}

const CORDON_TAINT = "node.kubernetes.io/unschedulable";
/**
 * Taints by which a control plane says that it has not heard of a node. This scheduler is part of the
 * node; where no controller takes them off again, a new node would keep them for ever.
 */
const SILENCE_TAINTS = ["node.kubernetes.io/not-ready", "node.kubernetes.io/unreachable"];
/** What lets a node claim more of a resource. */
const FLAGS: Readonly<Record<string, string>> = {
  cpu: "--cpus",
  memory: "--memory",
  "nvidia.com/gpu": "--gpus",
};

/** Every pass of the scheduler asks for all pods; objects in a cache never change. */
const asked = new WeakMap<Pod, Amounts>();

function askedBy(pod: Pod): Amounts {
  const known = asked.get(pod) ?? requestsOf(pod);
  asked.set(pod, known);
  return known;
}

/** What there is of the node for pods. */
export function offerOf({ metadata, spec, status }: Node): NodeOffer {
  return {
    name: metadata.name ?? "",
    labels: metadata.labels ?? {},
    isCordoned: spec?.unschedulable === true,
    taints: spec?.taints ?? [],
    allocatable: amountsOf(status?.allocatable),
  };
}

/** What pods have taken of a node. */
export class NodeUse {
  readonly #amounts = new Map<string, number>();
  readonly #ports: HostPort[] = [];

  add(pod: Pod): void {
    for (const [name, amount] of [...askedBy(pod), ["pods", 1] as const]) {
      this.#amounts.set(name, this.of(name) + amount);
    }
    this.#ports.push(...hostPortsOf(pod));
  }

  /** How much of a resource is taken; see {@link Amounts}. */
  of(name: string): number {
    return this.#amounts.get(name) ?? 0;
  }

  /** Whether one of the host ports that the pod wants is taken. */
  clashes(pod: Pod): boolean {
    return hostPortsOf(pod).some((wanted) => this.#ports.some((taken) => isSame(wanted, taken)));
  }
}

/** Why a pod cannot go to the node, in the words of kube-scheduler 1.36; undefined when it can. */
export function reasonAgainst(pod: Pod, node: NodeOffer, used: NodeUse): string | undefined {
  const obstacle = obstacleFor(pod, node, used);
  if (obstacle !== undefined) return `${NO_NODE} 1 node(s) ${obstacle}.`;
  const short = shortagesFor(pod, node, used);
  if (short.length === 0) return undefined;
  const why = short.map((reason) => `1 ${reason}`).sort().join(", ");
  return [`${NO_NODE} ${why}.`, ...hintsFor(pod, node)].join(" ");
}

const NO_NODE = "0/1 nodes are available:";

/** What is wrong with the node as such; of several, a scheduler names only the first. */
function obstacleFor(pod: Pod, node: NodeOffer, used: NodeUse): string | undefined {
  const tolerations = pod.spec?.tolerations ?? [];
  if (node.isCordoned && !tolerations.some((one) => tolerates(one, CORDON))) {
    return "were unschedulable";
  }
  const taints = node.taints.filter(({ key, effect }) =>
    effect !== "PreferNoSchedule" && key !== CORDON_TAINT && !SILENCE_TAINTS.includes(key)
  );
  if (taints.some((taint) => !tolerations.some((one) => tolerates(one, taint)))) {
    return "had untolerated taint(s)";
  }
  if (!matchesSelectors(pod, node)) return "didn't match Pod's node affinity/selector";
  return used.clashes(pod) ? "didn't have free ports for the requested pod ports" : undefined;
}

function shortagesFor(pod: Pod, node: NodeOffer, used: NodeUse): string[] {
  return [
    ...(used.of("pods") + 1 > (node.allocatable.get("pods") ?? 0) ? ["Too many pods"] : []),
    ...[...askedBy(pod)].filter(([name, amount]) =>
      used.of(name) + amount > (node.allocatable.get(name) ?? 0)
    ).map(([name]) => `Insufficient ${name}`),
  ];
}

/** For what would not fit on the empty node either: nothing but a flag helps. */
function hintsFor(pod: Pod, { name: node, allocatable }: NodeOffer): string[] {
  return [...askedBy(pod)].flatMap(([name, amount]) => {
    const offered = allocatable.get(name) ?? 0;
    const flag = FLAGS[name];
    if (amount <= offered || flag === undefined) return [];
    return [
      `The pod asks for ${name} ${amountText(name, amount)}, node ${node} has ` +
      `${amountText(name, offered)}; ${flag} lets it claim more.`,
    ];
  });
}

const CORDON: Taint = { key: CORDON_TAINT, effect: "NoSchedule" };

function tolerates({ key = "", operator, value, effect }: Toleration, taint: Taint): boolean {
  if (effect !== undefined && effect !== taint.effect) return false;
  if (key !== "" && key !== taint.key) return false;
  return operator === "Exists" || (key !== "" && (value ?? "") === (taint.value ?? ""));
}

function matchesSelectors({ spec }: Pod, node: NodeOffer): boolean {
  const wanted = Object.entries(spec?.nodeSelector ?? {});
  if (wanted.some(([key, value]) => node.labels[key] !== value)) return false;
  const required = spec?.affinity?.nodeAffinity?.requiredDuringSchedulingIgnoredDuringExecution;
  return required === undefined ||
    required.nodeSelectorTerms.some((term) => matchesTerm(term, node));
}

/** All of a term must hold; one without anything holds nowhere. */
function matchesTerm(
  { matchExpressions = [], matchFields = [] }: SelectorTerm,
  { name, labels }: NodeOffer,
): boolean {
  return matchExpressions.length + matchFields.length > 0 &&
    matchExpressions.every((one) => holds(one, labels)) &&
    matchFields.every((one) => holds(one, { "metadata.name": name }));
}

function holds(
  { key, operator, values = [] }: Requirement,
  labels: Readonly<Record<string, string>>,
): boolean {
  const value = labels[key];
  switch (operator) {
    case "In":
      return value !== undefined && values.includes(value);
    case "NotIn":
      return value === undefined || !values.includes(value);
    case "Exists":
      return value !== undefined;
    case "DoesNotExist":
      return value === undefined;
    case "Gt":
    case "Lt": {
      if (value === undefined || !/^-?\d+$/.test(value)) return false;
      const limit = Number(values[0]);
      return operator === "Gt" ? Number(value) > limit : Number(value) < limit;
    }
    default:
      return false;
  }
}

function hostPortsOf({ spec }: Pod): HostPort[] {
  const sidecars = spec?.initContainers?.filter(({ restartPolicy }) => restartPolicy === "Always");
  return [...spec?.containers ?? [], ...sidecars ?? []].flatMap(({ ports = [] }) =>
    ports.flatMap(({ hostPort, containerPort, hostIP, protocol = "TCP" }) => {
      const port = hostPort || (spec?.hostNetwork === true ? containerPort : 0);
      return port === 0 ? [] : [{ address: hostIP || ANY_ADDRESS, protocol, port }];
    })
  );
}

const ANY_ADDRESS = "0.0.0.0";

function isSame(one: HostPort, other: HostPort): boolean {
  return one.port === other.port && one.protocol === other.protocol &&
    (one.address === other.address || [one.address, other.address].includes(ANY_ADDRESS));
}
