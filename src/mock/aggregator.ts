import type { MockIo } from "./io.ts";
import type { WorkerOptions } from "./options.ts";
import { aggregateRequest, type Policy } from "./protocol.ts";
import { serveRole } from "./role_server.ts";
import { averageParameters } from "./training.ts";

/** Every so many policy versions one line of output. */
const REPORT_VERSIONS = 5;

/**
 * Makes one policy out of what several learners have learnt, until the signal aborts. It remembers
 * nothing, so a restart in the middle of a job does no harm.
 *
 * @returns The exit code: 0, or 1 when it cannot listen.
 */
export async function runAggregator(options: WorkerOptions, io: MockIo): Promise<number> {
  function aggregate(body: unknown): Policy {
    const { version, updates } = aggregateRequest.parse(body);
    if (version % REPORT_VERSIONS === 1) {
      io.log(`policy version ${version} is the mean of ${updates.length} learners`);
    }
    return { version, parameters: averageParameters(updates) };
  }

  return await serveRole({
    port: options.port,
    resource: { role: "aggregator", name: options.name },
    handlers: { "POST /aggregate": aggregate },
    io,
  });
}
