/** What an earlier run of this kubelet has left in a pod's status. */
import type { Container, ContainerState, ContainerStatus, Pod } from "../../kube/mod.ts";
import {
  allContainersOf,
  type ContainerRecord,
  containersOf,
  initContainersOf,
  isFinished,
  isRestarted,
  KILLED,
  NEW_RECORD,
  type Termination,
} from "./records.ts";

/**
 * The records of a pod that an earlier run of this kubelet had, from its status. What ran then is gone,
 * and counts as ended with code 137. Its volumes are gone too, so that a pod which goes on begins with
 * its init containers again, as on a machine that was restarted.
 */
export function recordsFromStatus(pod: Pod, nowMs: number): Map<string, ContainerRecord> {
  const { status, metadata } = pod;
  const rows = [...status?.initContainerStatuses ?? [], ...status?.containerStatuses ?? []];
  const ends = new Map<string, { readonly end: Termination; readonly row: ContainerStatus }>();
  for (const row of rows) {
    const end = endOfRow(row, nowMs);
    if (end !== undefined) ends.set(row.name, { end, row });
  }
  const isRunAgain = (container: Container) => {
    const end = ends.get(container.name)?.end;
    return end === undefined || isRestarted(pod, container, end.exitCode);
  };
  const hasFailedInit = initContainersOf(pod).some((container) =>
    !isRunAgain(container) && ends.get(container.name)?.end.exitCode !== 0
  );
  const goesOn = metadata.deletionTimestamp === undefined && !isFinished(status?.phase) &&
    !hasFailedInit && containersOf(pod).some(isRunAgain);
  const again = new Set(
    goesOn ? [...initContainersOf(pod), ...containersOf(pod).filter(isRunAgain)] : [],
  );
  const records = new Map<string, ContainerRecord>();
  for (const container of allContainersOf(pod)) {
    const held = ends.get(container.name);
    if (held === undefined) continue;
    const { end, row } = held;
    const last = terminationOf(row.lastState);
    records.set(
      container.name,
      again.has(container) ? { ...NEW_RECORD, last: end, restartCount: row.restartCount + 1 } : {
        ...NEW_RECORD,
        state: { kind: "terminated", backOffAnnounced: false, ...end },
        ...(last !== undefined && { last }),
        restartCount: row.restartCount,
      },
    );
  }
  return records;
}

/** How the last run that a status knows of has ended; undefined when there was none. */
function endOfRow({ state, lastState, containerID }: ContainerStatus, nowMs: number) {
  const running = state?.running;
  if (running === undefined) return terminationOf(state) ?? terminationOf(lastState);
  return {
    exitCode: KILLED,
    reason: "ContainerStatusUnknown",
    message: "The container could not be located: the kubelet that ran it has ended",
    startedAtMs: Date.parse(running.startedAt ?? "") || nowMs,
    finishedAtMs: nowMs,
    containerId: containerID ?? "",
  };
}

function terminationOf(state: ContainerState | undefined): Termination | undefined {
  const end = state?.terminated;
  if (end === undefined) return undefined;
  return {
    exitCode: end.exitCode,
    reason: end.reason ?? "Error",
    ...(end.message !== undefined && { message: end.message }),
    startedAtMs: Date.parse(end.startedAt ?? "") || 0,
    finishedAtMs: Date.parse(end.finishedAt ?? "") || 0,
    containerId: end.containerID ?? "",
  };
}
