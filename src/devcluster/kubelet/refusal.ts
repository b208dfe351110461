/** A container cannot be started as its pod has it. */

/** Waiting reasons and the termination reason that kubectl users know from a real kubelet. */
export type RefusalReason = "CreateContainerConfigError" | "CreateContainerError" | "StartError";

/** Thrown while a container is being made; `reason` and the message go into its status. */
export class ContainerRefusal extends Error {
  override readonly name = "ContainerRefusal";
  /** @param reason `StartError` counts as a run that ended with code 128; the others are tried again. */
  constructor(readonly reason: RefusalReason, message: string) {
    super(message);
  }
}
