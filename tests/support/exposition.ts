/** Reads Prometheus' text format (0.0.4), and says what is wrong with it, as `promtool check metrics` would. */
import { lintFamily, parseNumber } from "./exposition_lint.ts";

export const METRIC_TYPES = ["counter", "gauge", "histogram", "summary", "untyped"] as const;
export type MetricType = typeof METRIC_TYPES[number];

export interface Sample {
  /** With the `_bucket`, `_sum` or `_count` of a histogram. */
  readonly name: string;
  readonly labels: ReadonlyMap<string, string>;
  readonly value: number;
}

/** A metric: all samples that one HELP and one TYPE speak of. */
export interface Family {
  readonly name: string;
  readonly help: string | undefined;
  readonly type: MetricType | undefined;
  readonly samples: readonly Sample[];
}

export interface Exposition {
  readonly families: readonly Family[];
  /** What is wrong, each with the line or the metric; `[]`: nothing. */
  readonly faults: readonly string[];
}

const METRIC_NAME = "[a-zA-Z_:][a-zA-Z0-9_:]*";
const COMMENT_LINE = new RegExp(`^# (HELP|TYPE) (${METRIC_NAME})(?: (.*))?$`);
const SAMPLE_LINE = new RegExp(`^(${METRIC_NAME})(?:\\{(.*)\\})? (\\S+)(?: (-?\\d+))?$`);
const LABEL_PAIR = /([a-zA-Z_][a-zA-Z0-9_]*)="((?:[^"\\]|\\[\\"n])*)"(?:,|$)/y;
/** Endings that samples of histograms and summaries have after the metric's name. */
const PART = /_(?:bucket|sum|count)$/;

/** Reads a whole answer of `/metrics`. Never throws: what cannot be read is a fault. */
export function readExposition(text: string): Exposition {
  const reader = new Reader();
  text.split("\n").forEach((line, index) => reader.read(line, index + 1));
  if (!text.endsWith("\n")) reader.faults.push("the last line does not end");
  const families = [...reader.families.values()];
  return { families, faults: [...reader.faults, ...families.flatMap(lintFamily)] };
}

interface OpenFamily extends Family {
  help: string | undefined;
  type: MetricType | undefined;
  readonly samples: Sample[];
}

class Reader {
  readonly families = new Map<string, OpenFamily>();
  readonly faults: string[] = [];
  readonly #series = new Set<string>();
  #current: OpenFamily | undefined;

  read(line: string, number: number): void {
    const fault = (what: string) => this.faults.push(`line ${number}: ${what}`);
    if (line === "") return;
    if (line.startsWith("#")) {
      const [, keyword, name = "", value = ""] = COMMENT_LINE.exec(line) ?? [];
      if (keyword === "HELP") this.#readHelp(this.#enter(name, fault), value, fault);
      else if (keyword === "TYPE") this.#readType(this.#enter(name, fault), value, fault);
      else if (/^# *(HELP|TYPE)\b/.test(line)) fault(`cannot read ${JSON.stringify(line)}`);
      return;
    }
    this.#readSample(line, fault);
  }

  /** The metric that a line belongs to; its lines must stand together. */
  #enter(name: string, fault: (what: string) => void): OpenFamily {
    const known = this.families.get(name);
    if (known !== undefined && known !== this.#current) {
      fault(`${name} goes on after another metric`);
    }
    const family = known ?? { name, help: undefined, type: undefined, samples: [] };
    this.families.set(name, family);
    return this.#current = family;
  }

  #readHelp(family: OpenFamily, text: string, fault: (what: string) => void): void {
    if (family.help !== undefined) fault(`${family.name} has a second HELP`);
    if (text.replace(/\\[\\n]/g, "").includes("\\")) {
      fault(`${family.name} has a HELP with a stray backslash`);
    }
    family.help = text.replace(/\\([\\n])/g, (_, escaped) => (escaped === "n" ? "\n" : "\\"));
  }

  #readType(family: OpenFamily, text: string, fault: (what: string) => void): void {
    const type = METRIC_TYPES.find((known) => known === text);
    if (type === undefined) fault(`${family.name} has the unknown type ${JSON.stringify(text)}`);
    if (family.type !== undefined) fault(`${family.name} has a second TYPE`);
    if (family.samples.length > 0) fault(`${family.name} has its TYPE after a sample`);
    family.type = type;
  }

  #readSample(line: string, fault: (what: string) => void): void {
    const [matched, name = "", list = "", digits = "", timestamp] = SAMPLE_LINE.exec(line) ?? [];
    const labels = matched === undefined ? undefined : parseLabels(list);
    const value = parseNumber(digits);
    if (labels === undefined || value === undefined) {
      fault(`cannot read ${JSON.stringify(line)}`);
      return;
    }
    if (timestamp !== undefined) fault(`${name} has a timestamp`);
    const names = labels.map(([label]) => label);
    if (new Set(names).size < names.length) fault(`${name} has a label twice`);
    const key = JSON.stringify([name, ...labels.map((pair) => JSON.stringify(pair)).sort()]);
    if (this.#series.has(key)) fault(`a second sample of ${name}{${list}}`);
    this.#series.add(key);
    this.#enter(this.#familyNameOf(name), fault).samples.push({
      name,
      labels: new Map(labels),
      value,
    });
  }

  #familyNameOf(sample: string): string {
    const base = sample.replace(PART, "");
    const type = this.families.get(base)?.type;
    return type === "histogram" || type === "summary" ? base : sample;
  }
}

/** undefined: the list cannot be read. */
function parseLabels(list: string): [string, string][] | undefined {
  const pairs: [string, string][] = [];
  LABEL_PAIR.lastIndex = 0;
  while (LABEL_PAIR.lastIndex < list.length) {
    const [, name, value] = LABEL_PAIR.exec(list) ?? [];
    if (name === undefined || value === undefined) return undefined;
    pairs.push([name, value.replace(/\\(.)/g, (_, escaped) => (escaped === "n" ? "\n" : escaped))]);
  }
  return pairs;
}
