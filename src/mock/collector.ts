import { START_CELL, walk } from "./environment.ts";
import type { MockIo } from "./io.ts";
import type { WorkerOptions } from "./options.ts";
import { type CollectAnswer, collectRequest } from "./protocol.ts";
import { seededRandom, seedOf } from "./random.ts";
import { serveRole } from "./role_server.ts";

/** Share of steps that a collector takes by chance, to see what its policy would not show it. */
const EXPLORATION = 0.2;
/** Every so many transitions one line of output. */
const REPORT_TRANSITIONS = 500;

/**
 * Walks through the corridor with the policy it is sent and sends back what happened, until the
 * signal aborts.
 *
 * @returns The exit code: 0, or 1 when it cannot listen.
 */
export async function runCollector(options: WorkerOptions, io: MockIo): Promise<number> {
  const random = seededRandom(seedOf(options.name));
  let cell = START_CELL;
  let sent = 0;

  function collect(body: unknown): CollectAnswer {
    const { task, policy, transitions: count } = collectRequest.parse(body);
    const { parameters } = policy;
    const walked = walk({ cell, count, parameters, exploration: EXPLORATION, random });
    cell = walked.cell;
    const before = sent;
    sent += count;
    if (before === 0) io.log(`collector task(${task}) starts`);
    if (Math.floor(before / REPORT_TRANSITIONS) < Math.floor(sent / REPORT_TRANSITIONS)) {
      io.log(`collector task(${task}): ${sent} transitions, policy version ${policy.version}`);
    }
    return { task, transitions: walked.transitions, returns: walked.returns };
  }

  return await serveRole({
    port: options.port,
    resource: { role: "collector", name: options.name },
    handlers: { "POST /collect": collect },
    io,
  });
}
