import { deepStrictEqual, notStrictEqual, ok, strictEqual } from "node:assert/strict";
import {
  buildRecord,
  readRecord,
  type RecordedWork,
  recordNameOf,
  type Victim,
  victimOf,
} from "./records.ts";

const KEY = { namespace: "di-system", name: "di-request-a" };
const JOB = { namespace: "rl", name: "pong", uid: "u" };
const IDENTITY = { caller: "c", method: "POST", path: "/p", content: "{}" };
/** What an API server takes of annotations together, in bytes. */
const ANNOTATIONS_LIMIT = 256 * 1024;

function someVictims(type: string, count: number): Victim[] {
  return Array.from({ length: count }, (_, index) => {
    const end = (index * 2_654_435_761 % 60_466_176).toString(36).padStart(5, "0");
    return victimOf(`pong-${type}-${end}`, crypto.randomUUID(), 22270);
  });
}

Deno.test.each<{ of: string; work: RecordedWork }>([
  { of: "replicas to add", work: { kind: "add", job: JOB, seed: "s" } },
  { of: "a learner with several GPUs", work: { kind: "add", job: JOB, seed: "s", gpus: [8, 2] } },
  {
    of: "replicas to remove, whatever their names and ports",
    work: {
      kind: "remove",
      job: JOB,
      collectors: [...someVictims("collector", 2), victimOf("by-hand", "12345678", 1)],
      learners: [victimOf("pong-learner-a", "12345678", 2), victimOf("pong-learner-b", "1", 3)],
    },
  },
  {
    of: "many replicas to remove",
    work: { kind: "remove", job: JOB, collectors: someVictims("collector", 500), learners: [] },
  },
])("readRecord() reads the record of $of", ({ work }) => {
  const record = { state: "working" as const, work };
  deepStrictEqual(readRecord(buildRecord(KEY, record, "me", 0)), record);
});

Deno.test("buildRecord() keeps what was read, and says who holds it since when", () => {
  const record = {
    state: "answered" as const,
    work: { kind: "add" as const, job: JOB, seed: "s" },
  };
  const before = buildRecord(KEY, { ...record, state: "working" }, "other", 1000);
  before.metadata.resourceVersion = "7";
  const { metadata, spec } = buildRecord(KEY, record, "me", 2000, before);
  deepStrictEqual({ version: metadata.resourceVersion, spec }, {
    version: "7",
    spec: {
      holderIdentity: "me",
      acquireTime: "1970-01-01T00:00:01.000000Z",
      renewTime: "1970-01-01T00:00:02.000000Z",
      leaseDurationSeconds: 3,
    },
  });
});

Deno.test("buildRecord() finds room for 20,000 replicas", () => {
  const work = {
    kind: "remove" as const,
    job: JOB,
    collectors: someVictims("collector", 10_000),
    learners: someVictims("learner", 10_000),
  };
  const { metadata } = buildRecord(KEY, { state: "working", work }, "me", 0);
  const size = Object.entries(metadata.annotations ?? {}).flat().join("").length;
  ok(size < ANNOTATIONS_LIMIT, `${size} bytes`);
});

Deno.test.each([
  { lease: "without our annotations", annotations: {} },
  {
    lease: "with another state",
    annotations: { "diengine.opendilab.org/state": "lost", "diengine.opendilab.org/work": "{}" },
  },
  {
    lease: "with work that is no JSON",
    annotations: { "diengine.opendilab.org/state": "working", "diengine.opendilab.org/work": "?" },
  },
])("readRecord() leaves a Lease $lease alone", ({ annotations }) => {
  strictEqual(readRecord({ metadata: { ...KEY, annotations } }), undefined);
});

Deno.test("recordNameOf() is the same for equal requests, and for no others", () => {
  strictEqual(recordNameOf(IDENTITY), recordNameOf({ ...IDENTITY }));
  for (const other of [{ caller: "d" }, { method: "DELETE" }, { path: "/q" }, { content: "1" }]) {
    notStrictEqual(recordNameOf(IDENTITY), recordNameOf({ ...IDENTITY, ...other }));
  }
});
