/** Records of requests at work: a Lease each, so that a repeat finds what the first try was about. */
import { Buffer } from "node:buffer";
import { createHash } from "node:crypto";
import { gunzipSync, gzipSync } from "node:zlib";
import { GROUP } from "../api/mod.ts";
import type { Lease, ObjectKey } from "../kube/mod.ts";

/**
 * - `working`: begun; whoever finds its holder silent goes on with it.
 * - `answered`: done; the holder is handing the answer over.
 * - `undelivered`: done, and nobody took the answer: the next equal request is a repeat.
 */
export type RecordState = "working" | "answered" | "undelivered";

/** The job that a request is about. */
export interface JobReference extends ObjectKey {
  readonly uid: string;
}

/** A replica that a DELETE has chosen. */
export interface Victim {
  readonly name: string;
  /** The start of its uid: enough to tell it from a namesake. */
  readonly uid: string;
  /** `<pod>.<namespace>:<port>` ends with it. */
  readonly port: number;
}

/** What a request has been decided to come to: doing it twice comes to the same. */
export type RecordedWork =
  | {
    readonly kind: "add";
    readonly job: JobReference;
    /** The replicas' names derive from it, and each pod carries it. */
    readonly seed: string;
    /** GPUs of the ddp learners of each learner that has several. */
    readonly gpus?: readonly number[];
  }
  | {
    readonly kind: "remove";
    readonly job: JobReference;
    readonly collectors: readonly Victim[];
    readonly learners: readonly Victim[];
  };

/** A stored record. */
export interface RequestRecord {
  readonly state: RecordState;
  readonly work: RecordedWork;
}

/** What makes two requests equal. */
export interface RequestIdentity {
  /** uid of the pod that the caller names. */
  readonly caller: string;
  readonly method: string;
  readonly path: string;
  /** The request as understood, or the caller's `Idempotency-Key`. */
  readonly content: string;
}

/** Label that all records have. */
export const RECORD_LABEL = `${GROUP}/record`;
export const RECORD_SELECTOR = `${RECORD_LABEL}=request`;
const STATE_ANNOTATION = `${GROUP}/state`;
const WORK_ANNOTATION = `${GROUP}/work`;
/** A holder that does not renew for this long is taken for dead, in s. */
export const HOLDER_SILENCE_S = 3;
/** Characters of a uid that a record keeps. */
const UID_LENGTH = 8;
const ZIPPED = "gzip:";
/** Texts longer than this are zipped: annotations may have 256 KiB together. */
const PLAIN_LENGTH = 4096;

/** The name of a request's record. */
export function recordNameOf({ caller, method, path, content }: RequestIdentity): string {
  const text = JSON.stringify([caller, method, path, content]);
  return `di-request-${createHash("sha256").update(text).digest("hex").slice(0, 40)}`;
}

/** What a record keeps of a chosen replica. */
export function victimOf(name: string, uid: string, port: number): Victim {
  return { name, uid: uid.slice(0, UID_LENGTH), port };
}

/** The Lease of a record. `before` is what it was read as, for an update. */
export function buildRecord(
  key: ObjectKey,
  { state, work }: RequestRecord,
  holder: string,
  now: number,
  before?: Lease,
): Lease {
  const time = new Date(now).toISOString().replace("Z", "000Z");
  return {
    metadata: {
      ...before?.metadata,
      ...key,
      labels: { [RECORD_LABEL]: "request" },
      annotations: { [STATE_ANNOTATION]: state, [WORK_ANNOTATION]: encodeWork(work) },
    },
    spec: {
      ...(holder !== "" && { holderIdentity: holder }),
      acquireTime: before?.spec?.acquireTime ?? time,
      renewTime: time,
      leaseDurationSeconds: HOLDER_SILENCE_S,
    },
  };
}

/** @returns Undefined for a Lease that is no record of ours, or that somebody has edited. */
export function readRecord({ metadata }: Lease): RequestRecord | undefined {
  const { [STATE_ANNOTATION]: state, [WORK_ANNOTATION]: text } = metadata.annotations ?? {};
  if (text === undefined || !isState(state)) return undefined;
  try {
    return { state, work: decodeWork(text) };
  } catch {
    return undefined;
  }
}

function isState(text: string | undefined): text is RecordState {
  return text === "working" || text === "answered" || text === "undelivered";
}

function encodeWork(work: RecordedWork): string {
  const packed = work.kind === "add"
    ? work
    : { ...work, collectors: pack(work.collectors), learners: pack(work.learners) };
  const text = JSON.stringify(packed);
  return text.length <= PLAIN_LENGTH ? text : ZIPPED + gzipSync(text).toString("base64");
}

function decodeWork(text: string): RecordedWork {
  const plain = text.startsWith(ZIPPED)
    ? gunzipSync(Buffer.from(text.slice(ZIPPED.length), "base64")).toString()
    : text;
  const packed = JSON.parse(plain) as PackedWork;
  return packed.kind === "add"
    ? packed
    : { ...packed, collectors: unpack(packed.collectors), learners: unpack(packed.learners) };
}

/** Victims in a row that share the start of their name, the length of its end, and the port. */
interface Run {
  readonly prefix: string;
  readonly port: number;
  /** Length of each name's end. */
  readonly length: number;
  ends: string;
  uids: string;
}

type PackedWork = Extract<RecordedWork, { kind: "add" }> | {
  readonly kind: "remove";
  readonly job: JobReference;
  readonly collectors: readonly Run[];
  readonly learners: readonly Run[];
};

/** 20,000 of them must fit into one annotation: what they share is written once. */
function pack(victims: readonly Victim[]): Run[] {
  const runs: Run[] = [];
  for (const { name, uid, port } of victims) {
    const cut = name.lastIndexOf("-") + 1;
    const prefix = name.slice(0, cut);
    const end = name.slice(cut);
    const last = runs.at(-1);
    if (last?.prefix === prefix && last.port === port && last.length === end.length) {
      last.ends += end;
      last.uids += uid;
    } else runs.push({ prefix, port, length: end.length, ends: end, uids: uid });
  }
  return runs;
}

function unpack(runs: readonly Run[]): Victim[] {
  return runs.flatMap(({ prefix, port, length, ends, uids }) =>
    Array.from({ length: ends.length / length }, (_, index) => ({
      name: prefix + ends.slice(index * length, (index + 1) * length),
      uid: uids.slice(index * UID_LENGTH, (index + 1) * UID_LENGTH),
      port,
    }))
  );
}
