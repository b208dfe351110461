/** Flags and variables of the mock commands: declared once, for the command line and for reading. */
import { MockFailure } from "./failure.ts";

/** A flag; the command line declares it from this and passes the text on. */
export interface FlagRow {
  /** Key among the flags: `paceMs` for `--pace-ms`. */
  readonly name: string;
  readonly description: string;
  /** Environment variable that stands in for the flag. */
  readonly variable?: string;
  /** Taken when neither is given. Without one the value must be given, unless `optional`. */
  readonly fallback?: string;
  readonly optional?: boolean;
}

/** Flags as typed, by `name`. */
export type RawFlags = Readonly<Record<string, string | undefined>>;
export type Environment = Readonly<Record<string, string | undefined>>;

/** `--pace-ms` for the row called `paceMs`. */
export function flagOf(row: FlagRow): string {
  return "--" + row.name.replace(/[A-Z]/g, (capital) => `-${capital.toLowerCase()}`);
}

const LIMIT_MS = { min: 1, max: 3_600_000 };

/** Flags of `mock coordinator`. */
export const COORDINATOR_FLAGS: readonly FlagRow[] = [
  {
    name: "server",
    description: "server to ask for replicas, as host:port or http://host:port",
    variable: "KUBERNETES_SERVER_URL",
  },
  { name: "port", description: "port for progress requests", variable: "COORDINATOR_PORT" },
  {
    name: "namespace",
    description: "namespace of this coordinator's pod",
    variable: "KUBERNETES_POD_NAMESPACE",
  },
  { name: "name", description: "name of this coordinator's pod", variable: "KUBERNETES_POD_NAME" },
  {
    name: "aggregator",
    description: "aggregator that averages what the learners have learnt, as host:port",
    variable: "KUBERNETES_AGGREGATOR_URL",
    optional: true,
  },
  { name: "collectors", description: "collectors to ask for", fallback: "2" },
  { name: "learners", description: "learners to ask for", fallback: "2" },
  { name: "steps", description: "training steps until the end", fallback: "400" },
  { name: "paceMs", description: "pause of a replica between two pieces of work", fallback: "100" },
  { name: "pollIntervalMs", description: "pause between two looks at the list", fallback: "500" },
  {
    name: "connectTimeoutMs",
    description: "time limit for aggregator, replicas and replacement to answer",
    fallback: "120000",
  },
  { name: "requestTimeoutMs", description: "time limit of one request", fallback: "30000" },
];

/** What `mock coordinator` runs with. */
export interface CoordinatorOptions {
  /** `http://host:port`, without a slash at the end. */
  readonly serverUrl: string;
  readonly port: number;
  readonly namespace: string;
  /** Name of the coordinator's own pod. */
  readonly name: string;
  /** `host:port`; without it the coordinator averages by itself. */
  readonly aggregatorUrl?: string;
  readonly collectors: number;
  readonly learners: number;
  readonly steps: number;
  readonly paceMs: number;
  readonly pollIntervalMs: number;
  readonly connectTimeoutMs: number;
  readonly requestTimeoutMs: number;
}

/** @throws {MockFailure} `badOption`; the message names flag or variable and what is allowed. */
export function parseCoordinatorOptions(flags: RawFlags, env: Environment): CoordinatorOptions {
  const read = readerOf(COORDINATOR_FLAGS, flags, env);
  const aggregatorUrl = read.optional("aggregator", hostAndPort);
  return {
    serverUrl: read.value("server", httpUrl),
    port: read.value("port", portNumber),
    namespace: read.value("namespace", anyText),
    name: read.value("name", anyText),
    ...(aggregatorUrl === undefined ? {} : { aggregatorUrl }),
    collectors: read.value("collectors", wholeNumber(1, 1000)),
    learners: read.value("learners", wholeNumber(1, 1000)),
    steps: read.value("steps", wholeNumber(1, 1_000_000_000)),
    paceMs: read.value("paceMs", wholeNumber(0, LIMIT_MS.max)),
    pollIntervalMs: read.value("pollIntervalMs", wholeNumber(LIMIT_MS.min, LIMIT_MS.max)),
    connectTimeoutMs: read.value("connectTimeoutMs", wholeNumber(LIMIT_MS.min, LIMIT_MS.max)),
    requestTimeoutMs: read.value("requestTimeoutMs", wholeNumber(LIMIT_MS.min, LIMIT_MS.max)),
  };
}

/** What a role that only answers requests runs with. */
export interface WorkerOptions {
  readonly port: number;
  /** Name of its own pod. */
  readonly name: string;
}

export const COLLECTOR_FLAGS = workerFlags("collector", "COLLECTOR_PORT");
export const LEARNER_FLAGS = workerFlags("learner", "LEARNER_PORT");
export const AGGREGATOR_FLAGS = workerFlags("aggregator", "AGGREGATOR_PORT");

/** @throws {MockFailure} `badOption`, as of {@link parseCoordinatorOptions}. */
export function parseCollectorOptions(flags: RawFlags, env: Environment): WorkerOptions {
  return parseWorkerOptions(COLLECTOR_FLAGS, flags, env);
}

/** @throws {MockFailure} `badOption`, as of {@link parseCoordinatorOptions}. */
export function parseLearnerOptions(flags: RawFlags, env: Environment): WorkerOptions {
  return parseWorkerOptions(LEARNER_FLAGS, flags, env);
}

/** @throws {MockFailure} `badOption`, as of {@link parseCoordinatorOptions}. */
export function parseAggregatorOptions(flags: RawFlags, env: Environment): WorkerOptions {
  return parseWorkerOptions(AGGREGATOR_FLAGS, flags, env);
}

function workerFlags(role: string, variable: string): readonly FlagRow[] {
  return [
    { name: "port", description: "port to listen on, at all addresses", variable },
    {
      name: "name",
      description: `name of this ${role}'s pod`,
      variable: "KUBERNETES_POD_NAME",
      fallback: role,
    },
  ];
}

function parseWorkerOptions(
  rows: readonly FlagRow[],
  flags: RawFlags,
  env: Environment,
): WorkerOptions {
  const read = readerOf(rows, flags, env);
  return { port: read.value("port", portNumber), name: read.value("name", anyText) };
}

/** How a text becomes a value: `parse` gives `undefined` for what `allowed` does not cover. */
interface ValueKind<T> {
  readonly allowed: string;
  parse(text: string): T | undefined;
}

interface Reader {
  value<T>(name: string, kind: ValueKind<T>): T;
  optional<T>(name: string, kind: ValueKind<T>): T | undefined;
}

function readerOf(rows: readonly FlagRow[], flags: RawFlags, env: Environment): Reader {
  function optional<T>(name: string, kind: ValueKind<T>): T | undefined {
    const row = rowOf(name);
    const flag = flags[name];
    // Set but empty is what a manifest has that leaves a variable open.
    const variable = row.variable === undefined ? undefined : env[row.variable] || undefined;
    const text = flag ?? variable ?? row.fallback;
    if (text === undefined) return undefined;
    const value = kind.parse(text.trim());
    if (value !== undefined) return value;
    const source = flag === undefined && variable !== undefined ? `$${row.variable}` : flagOf(row);
    throw new MockFailure("badOption", `Cannot use ${source} "${text}": want ${kind.allowed}`);
  }
  function value<T>(name: string, kind: ValueKind<T>): T {
    const found = optional(name, kind);
    if (found !== undefined) return found;
    const row = rowOf(name);
    const instead = row.variable === undefined ? "" : ` or set $${row.variable}`;
    throw new MockFailure("badOption", `Give ${flagOf(row)}${instead}: want ${kind.allowed}`);
  }
  function rowOf(name: string): FlagRow {
    const row = rows.find((each) => each.name === name);
    if (row === undefined) throw new RangeError(`No flag is declared as "${name}"`);
    return row;
  }
  return { optional, value };
}

function wholeNumber(min: number, max: number): ValueKind<number> {
  return {
    allowed: `a whole number from ${min} to ${max}`,
    parse(text) {
      const number = /^\d+$/.test(text) ? Number(text) : NaN;
      return number >= min && number <= max ? number : undefined;
    },
  };
}

const portNumber = wholeNumber(1, 65535);

const anyText: ValueKind<string> = {
  allowed: "a name",
  parse: (text) => text === "" ? undefined : text,
};

const hostAndPort: ValueKind<string> = {
  allowed: "host:port",
  parse(text) {
    const match = /^[^\s:/]+:(\d+)$/.exec(text);
    return match !== null && portNumber.parse(match[1] ?? "") !== undefined ? text : undefined;
  },
};

const httpUrl: ValueKind<string> = {
  allowed: "host:port or http://host:port",
  parse(text) {
    const address = hostAndPort.parse(text.replace(/^http:\/\//, "").replace(/\/$/, ""));
    return address === undefined ? undefined : `http://${address}`;
  },
};
