import * as z from "zod";
import type { PodTemplateSpec, Volume } from "../kube/mod.ts";

const TEXT_MAP = z.record(z.string(), z.string());

const TEMPLATE = z.looseObject({
  metadata: z.looseObject({
    labels: TEXT_MAP.optional(),
    annotations: TEXT_MAP.optional(),
  }).optional().describe("Labels and annotations of the pod; its name is not taken from here."),
  spec: z.looseObject({
    containers: z.array(
      z.looseObject({
        name: z.string().min(1).max(63).describe("As in a pod."),
      }),
    ).min(1).describe("The work is done in the one called di-container."),
  }).describe("As in a pod; what is not declared here is kept, and checked when the pod is made."),
}).describe("What the pods are made from.");

/**
 * A pod template. Only what is read here is declared, the rest is kept as it is: the API server checks
 * the pod that is made from it. The whole schema of a pod would not fit into a CRD that `kubectl apply`
 * can store.
 */
export const POD_TEMPLATE = typed<PodTemplateSpec>(TEMPLATE);

export const VOLUME = typed<Volume>(
  z.looseObject({ name: z.string().min(1).max(63).describe("As in a pod.") }),
);

/** The one place where a loose schema is given Kubernetes' own type: its fields are optional there. */
function typed<T>(schema: z.ZodType): z.ZodType<T, T> {
  return schema as z.ZodType<T, T>;
}
