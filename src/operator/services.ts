/** Services that are missing: every replica has one, of its own name. */
import type { Pod, Service } from "../kube/mod.ts";
import { buildService, workStateOf } from "../replicas/mod.ts";
import type { JobSnapshot } from "./snapshot.ts";

/** The server makes a replica's pod and then its service: until then the service is not missing, in ms. */
const SERVICE_GRACE_MS = 2000;

export interface ServicePlan {
  readonly missing: readonly Service[];
  /** When to look again, in ms from now; absent: nothing to wait for. */
  readonly againInMs?: number;
}

/** The services to restore, for pods that are old enough and still need an address. */
export function planServices({ pods, services, now }: JobSnapshot): ServicePlan {
  const missing: Service[] = [];
  let againInMs = Infinity;
  for (const pod of pods) {
    const state = workStateOf(pod);
    if (services.has(pod.metadata.name ?? "") || state === "succeeded" || state === "failed") {
      continue;
    }
    if (pod.metadata.deletionTimestamp !== undefined) continue;
    const waitMs = createdAtMs(pod) + SERVICE_GRACE_MS - now;
    if (waitMs > 0) againInMs = Math.min(againInMs, waitMs);
    else missing.push(buildService(pod));
  }
  return { missing, ...(againInMs < Infinity && { againInMs }) };
}

function createdAtMs(pod: Pod): number {
  return Date.parse(pod.metadata.creationTimestamp ?? "") || 0;
}
