import { deepStrictEqual, strictEqual } from "node:assert/strict";
import { aPod } from "../../../tests/support/builders.ts";
import {
  type Meddler,
  MemoryApi,
  MemoryClient,
  noAnswer,
} from "../../../tests/support/memory_api.ts";
import { type CoreEvent, EVENTS } from "../../kube/mod.ts";
import { loggerOf } from "../../lib/logger.ts";
import { type EventNote, EventRecorder } from "./events.ts";

const STARTED: EventNote = {
  type: "Normal",
  reason: "Started",
  message: "Container started",
  fieldPath: "spec.containers{main}",
};
const KILLING: EventNote = {
  type: "Normal",
  reason: "Killing",
  message: "Stopping container main",
};

/** Records the notes and gives what the API server has then, and how often a count was written. */
async function recordAll(notes: readonly EventNote[], meddle: Meddler = (_request, act) => act()) {
  const api = new MemoryApi();
  let patches = 0;
  const client = new MemoryClient(api, (request, act) => {
    if (request.method !== "PATCH") return meddle(request, act);
    patches++;
    return {};
  });
  const recorder = new EventRecorder(client, "kubelet", "node", loggerOf("test"));
  for (const note of notes) recorder.record(aPod("pong"), note);
  await recorder.stop(5000);
  return { events: api.all<CoreEvent>(EVENTS), patches };
}

Deno.test("an event tells about its container and who says so", async () => {
  const { events } = await recordAll([STARTED]);
  const told = events.map(({ involvedObject, type, reason, message, source, count }) => ({
    involvedObject,
    type,
    reason,
    message,
    source,
    count,
  }));
  deepStrictEqual(told, [{
    involvedObject: {
      apiVersion: "v1",
      kind: "Pod",
      namespace: "rl",
      name: "pong",
      uid: "pong-uid",
      resourceVersion: "1",
      fieldPath: "spec.containers{main}",
    },
    type: "Normal",
    reason: "Started",
    message: "Container started",
    source: { component: "kubelet", host: "node" },
    count: 1,
  }]);
});

Deno.test("a repeat is counted and not written anew", async () => {
  const { events, patches } = await recordAll([STARTED, KILLING, STARTED, STARTED]);
  deepStrictEqual([events.map(({ reason }) => reason), patches], [["Started", "Killing"], 2]);
});

Deno.test("an event that cannot be written is lost, and the next one is not", async () => {
  let writes = 0;
  const { events } = await recordAll([STARTED, KILLING], (_request, act) => {
    if (writes++ === 0) throw noAnswer();
    return act();
  });
  deepStrictEqual(events.map(({ reason }) => reason), ["Killing"]);
});

Deno.test("an object that fails on and on is spoken of 25 times", async () => {
  const notes = Array.from({ length: 40 }, (_, index) => ({ ...KILLING, message: `try ${index}` }));
  strictEqual((await recordAll(notes)).events.length, 25);
});
