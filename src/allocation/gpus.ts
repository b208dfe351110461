/** How the GPUs of learners are dealt out. */
import { AllocationError } from "./errors.ts";

/** Names that `--gpu-alloc-policy` may have. */
export const GPU_ALLOC_POLICIES = ["simple"] as const;

/**
 * Passes a learner that fits into one pod.
 *
 * @param gpus Whole GPUs of one learner.
 * @throws {AllocationError} `notImplemented` when it needs more than one.
 */
export function requireSingleGpu(gpus: number): void {
  if (gpus <= 1) return;
  throw new AllocationError(
    "notImplemented",
    `multi-GPU learners (gpus: ${gpus}) are not implemented yet; at most 1 GPU per learner`,
  );
}
