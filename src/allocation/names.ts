/** Names of replicas that a repeat of the same work finds again. */
import { createHash } from "node:crypto";
import { SUFFIX_ALPHABET, SUFFIX_LENGTH } from "../api/mod.ts";

/**
 * The end of a replica's name. It derives from `seed`, so that work done twice, also by another copy of
 * the server, comes to the same name.
 *
 * @param attempt 0, and one more each time that the name turns out to be a stranger's.
 */
export function suffixOf(seed: string, attempt: number): string {
  let number = createHash("sha256").update(`${seed}/${attempt}`).digest().readBigUInt64BE();
  const base = BigInt(SUFFIX_ALPHABET.length);
  let suffix = "";
  while (suffix.length < SUFFIX_LENGTH) {
    suffix += SUFFIX_ALPHABET[Number(number % base)];
    number /= base;
  }
  return suffix;
}
