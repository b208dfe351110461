/** Why a mock role cannot go on. */
export type MockFailureReason =
  | "badOption"
  | "cannotListen"
  | "aggregatorAway"
  | "serverUnreachable"
  | "serverRefused"
  | "serverBusy"
  | "tooFewReplicas"
  | "noReplacement"
  | "stalled";

/** An end that was foreseen: its message is one line for the log, and the exit code is 1. */
export class MockFailure extends Error {
  override readonly name = "MockFailure";
  readonly reason: MockFailureReason;

  constructor(reason: MockFailureReason, message: string, options?: ErrorOptions) {
    super(message, options);
    this.reason = reason;
  }
}
