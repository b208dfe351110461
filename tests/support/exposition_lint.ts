/** What Prometheus' conventions say of one metric: the rules of `promtool check metrics`, and of its types. */
import type { Family, Sample } from "./exposition.ts";

/** A unit that is not the base one, and the one to use. */
const UNITS: Readonly<Record<string, string>> = {
  milliseconds: "seconds",
  microseconds: "seconds",
  nanoseconds: "seconds",
  minutes: "seconds",
  hours: "seconds",
  days: "seconds",
  kilobytes: "bytes",
  kibibytes: "bytes",
  megabytes: "bytes",
  mebibytes: "bytes",
  gigabytes: "bytes",
  gibibytes: "bytes",
  bits: "bytes",
  percent: "ratio",
  millicores: "cores",
};
const ABBREVIATIONS = /_(?:s|ms|us|ns|sec|secs|min|mins|h|d|b|kb|mb|gb|tb|kib|mib|gib)(?:_total)?$/;
const NUMBER = /^[+-]?(?:\d+\.?\d*|\.\d+)(?:e[+-]?\d+)?$/i;
const INFINITE = /^([+-]?)Inf$/i;
const TYPE_WORDS = ["counter", "gauge", "histogram", "summary"];

/** Everything that is wrong with a metric, each with its name; `[]`: nothing. */
export function lintFamily(family: Family): string[] {
  const faults = [...lintNames(family), ...lintLabels(family)];
  if (family.type === "counter") faults.push(...lintCounter(family));
  if (family.type === "histogram") faults.push(...lintHistogram(family));
  return faults.map((fault) => `${family.name}: ${fault}`);
}

function lintNames({ name, help, type }: Family): string[] {
  const faults: string[] = [];
  const words = name.split("_");
  if (!help) faults.push("no HELP");
  if (type === undefined) faults.push("no TYPE");
  if (name.includes(":")) faults.push("colons are for recording rules");
  if (/[a-z][A-Z]/.test(name)) faults.push("not in snake_case");
  if (type !== "counter" && name.endsWith("_total")) faults.push("only counters end in _total");
  if (/_(?:bucket|sum|count)$/.test(name)) faults.push("ends as a part of a histogram does");
  for (const word of words) {
    const unit = UNITS[word];
    if (unit !== undefined) faults.push(`in ${word}, not in ${unit}`);
    if (TYPE_WORDS.includes(word)) faults.push(`has its type in its name`);
  }
  if (ABBREVIATIONS.test(name)) faults.push("its unit is abbreviated");
  return faults;
}

function lintLabels({ type, samples }: Family): string[] {
  const names = new Set(samples.flatMap(({ labels }) => [...labels.keys()]));
  const faults = [...names].filter((name) => name.startsWith("__"))
    .map((name) => `label ${name} is Prometheus' own`);
  for (const [label, owner] of [["le", "histogram"], ["quantile", "summary"]] as const) {
    if (names.has(label) && type !== owner) faults.push(`label ${label} is a ${owner}'s`);
  }
  return faults;
}

function lintCounter({ name, samples }: Family): string[] {
  const faults = name.endsWith("_total") ? [] : ["a counter ends in _total"];
  if (samples.some(({ value }) => !(value >= 0))) faults.push("a counter is never below 0");
  return faults;
}

function lintHistogram({ name, samples }: Family): string[] {
  const series = Map.groupBy(samples, ({ labels }) => {
    const others = [...labels].filter(([label]) => label !== "le");
    return others.map(([label, value]) => `${label}=${JSON.stringify(value)}`).sort().join();
  });
  const faults = [...series].flatMap(([key, group]) =>
    lintBuckets(name, group).map((fault) => `${fault} in {${key}}`)
  );
  if (samples.some((sample) => sample.name === name)) faults.push("a sample is no bucket or sum");
  return faults;
}

/** The buckets of one series, with its sum and count. */
function lintBuckets(name: string, samples: readonly Sample[]): string[] {
  const valueOf = (part: string) => samples.find((sample) => sample.name === name + part)?.value;
  const buckets = samples.filter((sample) => sample.name === `${name}_bucket`)
    .map(({ labels, value }) => ({ bound: parseNumber(labels.get("le") ?? ""), value }));
  const faults: string[] = [];
  if (buckets.some(({ bound }) => bound === undefined)) faults.push("a bucket has no number as le");
  for (const [index, { bound = NaN, value }] of buckets.entries()) {
    const before = buckets[index - 1];
    if (before?.bound === undefined) continue;
    if (!(bound > before.bound)) faults.push("the bounds of the buckets do not rise");
    if (!(value >= before.value)) faults.push("the buckets are not cumulative");
  }
  const last = buckets.at(-1);
  const count = valueOf("_count");
  if (last?.bound !== Infinity) faults.push("no last bucket +Inf");
  else if (count !== undefined && last.value !== count) faults.push("bucket +Inf is not _count");
  if (count === undefined) faults.push("no _count");
  if (valueOf("_sum") === undefined) faults.push("no _sum");
  return faults;
}

/** A number as Go writes it; undefined: it is none. */
export function parseNumber(text: string): number | undefined {
  if (NUMBER.test(text)) return Number(text);
  const sign = INFINITE.exec(text)?.[1];
  if (sign !== undefined) return sign === "-" ? -Infinity : Infinity;
  return /^NaN$/i.test(text) ? NaN : undefined;
}
