/** Chance that is the same on every run. */

/** A source of numbers from 0 (included) to 1 (excluded). */
export type Random = () => number;

/** A linear congruential generator modulo 2^32: plenty for a toy, and no two seeds walk in step. */
export function seededRandom(seed: number): Random {
  let state = seed >>> 0;
  return () => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return state / 2 ** 32;
  };
}

/** A seed out of a name (32-bit FNV-1a), so that each replica explores in its own way. */
export function seedOf(name: string): number {
  let hash = 0x811c9dc5;
  for (const byte of new TextEncoder().encode(name)) hash = Math.imul(hash ^ byte, 0x01000193);
  return hash >>> 0;
}
