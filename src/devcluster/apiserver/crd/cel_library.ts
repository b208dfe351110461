/** Functions that Kubernetes adds to CEL: quantities, URLs, lists, regular expressions, strings. */
import { type Environment, Optional } from "@marcbachmann/cel-js";
import { parseQuantity } from "../../../lib/quantity.ts";

/** An amount: `quantity("1Gi")`. */
class Quantity {
  constructor(readonly amount: number) {}
}

/** A parsed absolute URL: `url("https://x/y")`. */
class Url {
  readonly parsed: URL;
  constructor(readonly text: string) {
    this.parsed = new URL(text);
  }
}

/** Adds the functions to an environment. */
export function addKubernetesFunctions(environment: Environment): Environment {
  environment.registerType("kubernetes.Quantity", { ctor: Quantity, fields: {} });
  environment.registerType("kubernetes.URL", { ctor: Url, fields: {} });
  for (const [signature, handler] of Object.entries(FUNCTIONS)) {
    environment.registerFunction(signature, handler);
  }
  return environment;
}

// CEL has checked the arguments against the signature.
const FUNCTIONS: Readonly<Record<string, (...args: never[]) => unknown>> = {
  "isQuantity(string): bool": (text: string) => succeeds(() => parseQuantity(text)),
  "quantity(string): kubernetes.Quantity": (text: string) => new Quantity(parseQuantity(text)),
  "kubernetes.Quantity.isInteger(): bool": ({ amount }: Quantity) => Number.isInteger(amount),
  "kubernetes.Quantity.asInteger(): int": ({ amount }: Quantity) => BigInt(amount),
  "kubernetes.Quantity.asApproximateFloat(): double": ({ amount }: Quantity) => amount,
  "kubernetes.Quantity.sign(): int": ({ amount }: Quantity) => BigInt(Math.sign(amount)),
  "kubernetes.Quantity.add(kubernetes.Quantity): kubernetes.Quantity": (a: Quantity, b: Quantity) =>
    new Quantity(a.amount + b.amount),
  "kubernetes.Quantity.sub(kubernetes.Quantity): kubernetes.Quantity": (a: Quantity, b: Quantity) =>
    new Quantity(a.amount - b.amount),
  "kubernetes.Quantity.compareTo(kubernetes.Quantity): int": (a: Quantity, b: Quantity) =>
    BigInt(Math.sign(a.amount - b.amount)),
  "kubernetes.Quantity.isLessThan(kubernetes.Quantity): bool": (a: Quantity, b: Quantity) =>
    a.amount < b.amount,
  "kubernetes.Quantity.isGreaterThan(kubernetes.Quantity): bool": (a: Quantity, b: Quantity) =>
    a.amount > b.amount,
  "isURL(string): bool": (text: string) => succeeds(() => new Url(text)),
  "url(string): kubernetes.URL": (text: string) => new Url(text),
  "kubernetes.URL.getScheme(): string": ({ parsed }: Url) => parsed.protocol.replace(/:$/, ""),
  "kubernetes.URL.getHost(): string": ({ parsed }: Url) => parsed.host,
  "kubernetes.URL.getHostname(): string": ({ parsed }: Url) => parsed.hostname,
  "kubernetes.URL.getPort(): string": ({ parsed }: Url) => parsed.port,
  // The parser writes a path where the text has none.
  "kubernetes.URL.getEscapedPath(): string": ({ parsed, text }: Url) =>
    parsed.pathname === "/" && !/^[^:]+:\/\/[^/?#]*\//.test(text) ? "" : parsed.pathname,
  "list.isSorted(): bool": (list: Ordered[]) =>
    list.every((item, index) => index === 0 || (list[index - 1] ?? item) <= item),
  "list.sum(): dyn": (list: (number | bigint)[]) => sumOf(list),
  "list.min(): dyn": (list: Ordered[]) => extreme(list, (a, b) => a < b),
  "list.max(): dyn": (list: Ordered[]) => extreme(list, (a, b) => a > b),
  "list.indexOf(dyn): int": (list: unknown[], item: unknown) => BigInt(list.indexOf(item)),
  "list.lastIndexOf(dyn): int": (list: unknown[], item: unknown) => BigInt(list.lastIndexOf(item)),
  "list.join(): string": (list: string[]) => list.join(""),
  "list.join(string): string": (list: string[], separator: string) => list.join(separator),
  "string.find(string): string": (text: string, pattern: string) =>
    new RegExp(pattern, "u").exec(text)?.[0] ?? "",
  "string.findAll(string): list<string>": (text: string, pattern: string) =>
    text.match(new RegExp(pattern, "gu")) ?? [],
  "string.findAll(string, int): list<string>": (text: string, pattern: string, limit: bigint) =>
    (text.match(new RegExp(pattern, "gu")) ?? []).slice(0, limit < 0 ? undefined : Number(limit)),
  "string.replace(string, string): string": (text: string, from: string, to: string) =>
    text.replaceAll(from, () => to),
  "string.charAt(int): string": (text: string, index: bigint) =>
    [...text][Number(index)] ?? outside(index),
};

type Ordered = number | bigint | string | boolean;

function succeeds(act: () => unknown): boolean {
  try {
    act();
    return true;
  } catch {
    return false;
  }
}

function sumOf(list: readonly (number | bigint)[]): number | bigint {
  const whole = list.filter((item) => typeof item === "bigint");
  if (whole.length === list.length) return whole.reduce((sum, item) => sum + item, 0n);
  return list.reduce<number>((sum, item) => sum + Number(item), 0);
}

function extreme(list: readonly Ordered[], isBetter: (a: Ordered, b: Ordered) => boolean): Ordered {
  const [first, ...rest] = list;
  if (first === undefined) throw new RangeError("min called on empty list");
  return rest.reduce((best, item) => isBetter(item, best) ? item : best, first);
}

function outside(index: bigint): never {
  throw new RangeError(`index out of range: ${index}`);
}

/** A value that may not be there, for rules that ask `oldSelf.hasValue()`. */
export function optionalOf(value: unknown): Optional {
  return value === undefined ? Optional.none() : Optional.of(value);
}
