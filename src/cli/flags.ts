/** Flags as Go programs take them, and values that are checked when they are read. */
import { InvalidArgumentError } from "commander";
import { parseBindAddress } from "../lib/listen.ts";
import { parseQuantity } from "../lib/quantity.ts";

/** Go's flag package takes `-leader-elect` for `--leader-elect`; manifests of old use both. */
export function normalizeArguments(argv: readonly string[]): string[] {
  let verbatim = false;
  return argv.map((argument) => {
    verbatim ||= argument === "--";
    return !verbatim && /^-[a-zA-Z][a-zA-Z-]+(=|$)/.test(argument) ? `-${argument}` : argument;
  });
}

/** `true`, `false`, and what else Go's `strconv.ParseBool` takes; the bare flag means true. */
export function parseBoolean(text: string): boolean {
  if (["1", "t", "T", "true", "TRUE", "True"].includes(text)) return true;
  if (["0", "f", "F", "false", "FALSE", "False"].includes(text)) return false;
  throw new InvalidArgumentError("allowed are true and false.");
}

/** A parser for whole numbers from `min` to `max`. */
export function parseInteger(min: number, max: number): (text: string) => number {
  return (text) => {
    const value = Number(text);
    if (/^-?[0-9]+$/.test(text) && value >= min && value <= max) return value;
    throw new InvalidArgumentError(`allowed are whole numbers from ${min} to ${max}.`);
  };
}

/** A quantity of memory, in bytes: at least 1Mi. */
export function parseMemory(text: string): number {
  const bytes = bytesOf(text);
  if (bytes !== undefined && bytes >= LEAST_MEMORY && bytes <= Number.MAX_SAFE_INTEGER) {
    return Math.floor(bytes);
  }
  throw new InvalidArgumentError("allowed are quantities from 1Mi on, such as 512Mi and 64Gi.");
}

const LEAST_MEMORY = 2 ** 20;

function bytesOf(text: string): number | undefined {
  try {
    return parseQuantity(text);
  } catch (error) {
    if (error instanceof SyntaxError) return undefined;
    throw error;
  }
}

/** `HOST:PORT` or `:PORT`, checked now so that a mistake shows before anything is started. */
export function parseAddress(text: string): string {
  try {
    parseBindAddress(text);
    return text;
  } catch {
    throw new InvalidArgumentError("allowed are HOST:PORT and :PORT.");
  }
}

/** As {@link parseAddress}; `0` switches the endpoint off, as in controller-runtime. */
export function parseOptionalAddress(text: string): string {
  return text === "0" ? text : parseAddress(text);
}

/** A DNS subdomain, as every object name of Kubernetes is. */
export function parseNodeName(text: string): string {
  if (text.length <= 253 && /^[a-z0-9]([-a-z0-9.]*[a-z0-9])?$/.test(text)) return text;
  throw new InvalidArgumentError(
    "allowed are a-z, 0-9, '-' and '.', with a letter or digit at both ends.",
  );
}
