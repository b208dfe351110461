import type { MockIo } from "./io.ts";
import type { WorkerOptions } from "./options.ts";
import { type LearnAnswer, learnRequest } from "./protocol.ts";
import { serveRole } from "./role_server.ts";
import { initialParameters, trainStep } from "./training.ts";

/** Every so many training steps one line of output. */
const REPORT_STEPS = 50;

/**
 * Trains on the batches it is sent, until the signal aborts. Between two policy versions it goes on
 * from its own parameters; another version replaces them.
 *
 * @returns The exit code: 0, or 1 when it cannot listen.
 */
export async function runLearner(options: WorkerOptions, io: MockIo): Promise<number> {
  let parameters = initialParameters();
  let version = 0;
  let steps = 0;

  function learn(body: unknown): LearnAnswer {
    const { task, policy, batches } = learnRequest.parse(body);
    if (policy.version !== version) ({ version, parameters } = policy);
    let losses = 0;
    for (const batch of batches) {
      const result = trainStep(parameters, batch);
      parameters = result.parameters;
      losses += result.loss;
    }
    const loss = losses / batches.length;
    const before = steps;
    steps += batches.length;
    if (before === 0) io.log(`learner task(${task}) starts`);
    if (Math.floor(before / REPORT_STEPS) < Math.floor(steps / REPORT_STEPS)) {
      io.log(`learner task(${task}): ${steps} steps, loss ${loss.toFixed(4)}`);
    }
    return { task, steps: batches.length, loss, parameters };
  }

  return await serveRole({
    port: options.port,
    resource: { role: "learner", name: options.name },
    handlers: { "POST /learn": learn },
    io,
  });
}
