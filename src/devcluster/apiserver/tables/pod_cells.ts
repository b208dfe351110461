/** The cells of pods: what `kubectl get pods` says about a pod in one word. */
import {
  type ApiObject,
  isObject,
  type JsonObject,
  objectOf,
  objectsOf,
  stringOf,
} from "../json.ts";
import { ageOf } from "./age.ts";

/** `Running`, `Completed`, `CrashLoopBackOff`, `Init:0/1`, `Terminating`, … */
export function podStatus(pod: ApiObject): string {
  const spec = objectOf(pod.spec);
  const status = objectOf(pod.status);
  let reason = stringOf(status.reason) || stringOf(status.phase) || "Unknown";
  const scheduled = objectsOf(status.conditions).find(({ type }) => type === "PodScheduled");
  if (scheduled?.reason === "SchedulingGated") reason = "SchedulingGated";
  const initializing = initStatus(spec, status);
  if (initializing !== undefined) reason = initializing;
  else reason = containersStatus(status, reason);
  if (pod.metadata.deletionTimestamp !== undefined) {
    if (status.reason === "NodeLost") return "Unknown";
    const phase = status.phase;
    if (phase !== "Failed" && phase !== "Succeeded") return "Terminating";
  }
  return reason;
}

function initStatus(spec: JsonObject, status: JsonObject): string | undefined {
  const total = objectsOf(spec.initContainers).length;
  for (const [index, container] of objectsOf(status.initContainerStatuses).entries()) {
    const state = objectOf(container.state);
    if (isObject(state.terminated) && state.terminated.exitCode === 0) continue;
    if (container.started === true && isObject(state.running)) continue;
    if (isObject(state.terminated)) return `Init:${endOf(state.terminated)}`;
    const waiting = isObject(state.waiting) ? stringOf(state.waiting.reason) : "";
    if (waiting !== "" && waiting !== "PodInitializing") return `Init:${waiting}`;
    return `Init:${index}/${total}`;
  }
  return undefined;
}

function containersStatus(status: JsonObject, reason: string): string {
  let running = false;
  let shown = reason;
  for (const container of objectsOf(status.containerStatuses).toReversed()) {
    const state = objectOf(container.state);
    const waiting = isObject(state.waiting) ? stringOf(state.waiting.reason) : "";
    if (waiting !== "") shown = waiting;
    else if (isObject(state.terminated)) shown = endOf(state.terminated);
    else if (container.ready === true && isObject(state.running)) running = true;
  }
  if (shown === "Completed" && running) {
    const ready = objectsOf(status.conditions).some(({ type, status: value }) =>
      type === "Ready" && value === "True"
    );
    return ready ? "Running" : "NotReady";
  }
  return shown;
}

function endOf({ reason, signal, exitCode }: JsonObject): string {
  if (stringOf(reason) !== "") return stringOf(reason);
  return signal ? `Signal:${signal}` : `ExitCode:${exitCode}`;
}

/** `1/2`: containers ready and in all. */
export function podReady(pod: ApiObject): string {
  const total = objectsOf(objectOf(pod.spec).containers).length;
  const ready = objectsOf(objectOf(pod.status).containerStatuses)
    .filter((container) => container.ready === true && isObject(objectOf(container.state).running));
  return `${ready.length}/${total}`;
}

/** `3 (5m ago)`: restarts and the last one. */
export function podRestarts(pod: ApiObject, nowMs: number): string {
  let restarts = 0;
  let last = 0;
  const status = objectOf(pod.status);
  for (const container of objectsOf(status.containerStatuses)) {
    restarts += Number(container.restartCount ?? 0);
    const finished = objectOf(objectOf(container.lastState).terminated).finishedAt;
    if (typeof finished === "string") last = Math.max(last, Date.parse(finished));
  }
  if (restarts === 0 || last === 0) return String(restarts);
  return `${restarts} (${ageOf(new Date(last).toISOString(), nowMs)} ago)`;
}

/** `1/1` readiness gates, or `<none>`. */
export function podGates(pod: ApiObject): string {
  const gates = objectsOf(objectOf(pod.spec).readinessGates);
  if (gates.length === 0) return "<none>";
  const conditions = objectsOf(objectOf(pod.status).conditions);
  const passed = gates.filter(({ conditionType }) =>
    conditions.some(({ type, status }) => type === conditionType && status === "True")
  );
  return `${passed.length}/${gates.length}`;
}
