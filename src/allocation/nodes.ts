/** What the nodes of the cluster have to offer to a pod. */
import type { Node, PodTemplateSpec } from "../kube/mod.ts";
import { parseQuantity } from "../lib/quantity.ts";
import { GPU_RESOURCE } from "../replicas/mod.ts";

type Taint = NonNullable<NonNullable<Node["spec"]>["taints"]>[number];
type Toleration = NonNullable<NonNullable<PodTemplateSpec["spec"]>["tolerations"]>[number];

/**
 * GPUs of each node that could take a pod of this template, 0 for one without. Nodes that are cordoned,
 * not ready or tainted against it do not count; what runs on them already is not looked at.
 */
export function offeredGpus(nodes: readonly Node[], template: PodTemplateSpec): number[] {
  const tolerations = template.spec?.tolerations ?? [];
  return nodes.filter((node) => isOpen(node, tolerations)).map(gpusOf);
}

function gpusOf({ status }: Node): number {
  const quantity = status?.allocatable?.[GPU_RESOURCE];
  return quantity === undefined ? 0 : Math.floor(parseQuantity(String(quantity)));
}

function isOpen({ spec, status }: Node, tolerations: readonly Toleration[]): boolean {
  const isReady =
    status?.conditions?.some(({ type, status }) => type === "Ready" && status === "True") ?? false;
  return isReady && spec?.unschedulable !== true &&
    (spec?.taints ?? []).every((taint) => isTolerated(taint, tolerations));
}

function isTolerated(taint: Taint, tolerations: readonly Toleration[]): boolean {
  return taint.effect === "PreferNoSchedule" ||
    tolerations.some((toleration) => tolerates(toleration, taint));
}

/** @see https://kubernetes.io/docs/concepts/scheduling-eviction/taint-and-toleration/ */
function tolerates({ key, operator, value, effect }: Toleration, taint: Taint): boolean {
  if (effect && effect !== taint.effect) return false;
  if (!key) return operator === "Exists";
  return key === taint.key && (operator === "Exists" || (value ?? "") === (taint.value ?? ""));
}
