/**
 * Why a request for replicas cannot be met. `later`: nobody's fault, or something that passes, so the
 * same request may well be met when it comes again.
 */
export type AllocationFailure =
  | "badRequest"
  | "forbidden"
  | "notFound"
  | "tooLarge"
  | "notImplemented"
  | "later";

/** A request that cannot be met; the message is for the caller. */
export class AllocationError extends Error {
  override readonly name = "AllocationError";
  constructor(readonly failure: AllocationFailure, message: string) {
    super(message);
  }
}
