/** The sample job that the examples run: four roles, made-up data, real requests. */
import { runAggregator } from "./aggregator.ts";
import { runCollector } from "./collector.ts";
import { runCoordinator } from "./coordinator.ts";
import type { MockIo } from "./io.ts";
import { runLearner } from "./learner.ts";
import {
  AGGREGATOR_FLAGS,
  COLLECTOR_FLAGS,
  COORDINATOR_FLAGS,
  type Environment,
  type FlagRow,
  LEARNER_FLAGS,
  parseAggregatorOptions,
  parseCollectorOptions,
  parseCoordinatorOptions,
  parseLearnerOptions,
  type RawFlags,
} from "./options.ts";

export { MockFailure, type MockFailureReason } from "./failure.ts";
export type { MockIo } from "./io.ts";
export {
  AGGREGATOR_FLAGS,
  COLLECTOR_FLAGS,
  COORDINATOR_FLAGS,
  type CoordinatorOptions,
  type Environment,
  flagOf,
  type FlagRow,
  LEARNER_FLAGS,
  parseAggregatorOptions,
  parseCollectorOptions,
  parseCoordinatorOptions,
  parseLearnerOptions,
  type RawFlags,
  type WorkerOptions,
} from "./options.ts";
export { runAggregator, runCollector, runCoordinator, runLearner };

/** One `mock` command, ready to be declared and run. */
export interface MockCommand {
  readonly description: string;
  readonly flags: readonly FlagRow[];
  /**
   * Runs the role to its end. @returns The exit code.
   *
   * @throws {MockFailure} `badOption`, for one line and exit code 1; all else is told by `io.log`.
   */
  run(flags: RawFlags, env: Environment, io: MockIo): Promise<number>;
}

export const MOCK_COMMANDS: Readonly<
  Record<"coordinator" | "aggregator" | "collector" | "learner", MockCommand>
> = {
  coordinator: {
    description: "asks the server for replicas and trains with them to the end",
    flags: COORDINATOR_FLAGS,
    run: (flags, env, io) => runCoordinator(parseCoordinatorOptions(flags, env), io),
  },
  aggregator: {
    description: "averages what the learners have learnt, until it is stopped",
    flags: AGGREGATOR_FLAGS,
    run: (flags, env, io) => runAggregator(parseAggregatorOptions(flags, env), io),
  },
  collector: {
    description: "walks through a made-up world with the policy it is sent, until it is stopped",
    flags: COLLECTOR_FLAGS,
    run: (flags, env, io) => runCollector(parseCollectorOptions(flags, env), io),
  },
  learner: {
    description: "trains on the data it is sent, until it is stopped",
    flags: LEARNER_FLAGS,
    run: (flags, env, io) => runLearner(parseLearnerOptions(flags, env), io),
  },
};
