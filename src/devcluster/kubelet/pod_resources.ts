/** How much of a node a pod asks for, counted as a scheduler counts it. */
import type { Pod } from "../../kube/mod.ts";
import { parseQuantity } from "../../lib/quantity.ts";

/** By resource: thousandths of a core for `cpu`, bytes for memory and storage, pieces for the rest. */
export type Amounts = ReadonlyMap<string, number>;

type Quantities = Readonly<Record<string, string | number>> | undefined;

/** `amount` in units of `unit`, rounded up. */
export function ceilDivide(amount: number, unit: number): number {
  // Binary fractions such as 0.1 / 0.001 must not be rounded up by their error.
  return Math.ceil(Number((amount / unit).toPrecision(15)));
}

/** The quantities of one object as whole amounts. */
export function amountsOf(quantities: Quantities): Map<string, number> {
  return new Map(
    Object.entries(quantities ?? {}).map((
      [name, quantity],
    ) => [name, ceilDivide(parseQuantity(String(quantity)), name === "cpu" ? 0.001 : 1)]),
  );
}

/** An amount as people write it: `1500m` or `2` for `cpu`, `1.5Gi` for what is counted in bytes. */
export function amountText(name: string, amount: number): string {
  if (name === "cpu") return amount % 1000 === 0 ? String(amount / 1000) : `${amount}m`;
  const isBytes = name === "memory" || name.endsWith("storage") || name.startsWith("hugepages-");
  if (!isBytes) return String(amount);
  const step = Math.min(Math.floor(Math.log2(Math.max(1, amount)) / 10), BYTE_UNITS.length - 1);
  return `${Number((amount / 1024 ** step).toFixed(1))}${BYTE_UNITS[step]}`;
}

const BYTE_UNITS = ["", "Ki", "Mi", "Gi", "Ti"];

/**
 * What has to be free on a node for the pod, without zeros. Its containers run together with its
 * side-cars; an init container runs alone, but for the side-cars before it. A limit without a request
 * is a request. What the pod as a whole asks for goes before that, and overhead is added to it.
 */
export function requestsOf(pod: Pod): Map<string, number> {
  const { containers = [], initContainers = [], overhead } = pod.spec ?? {};
  const sidecars = new Map<string, number>();
  let largestInit: Amounts = new Map();
  for (const container of initContainers) {
    const alone = sum(sidecars, statedRequests(container));
    largestInit = largest(largestInit, alone);
    if (container.restartPolicy === "Always") {
      for (const [name, amount] of alone) sidecars.set(name, amount);
    }
  }
  const together = containers.map(statedRequests).reduce(sum, sidecars);
  const ofContainers = largest(together, largestInit);
  const asked = new Map([...ofContainers, ...statedRequests(pod.spec ?? {})]);
  return new Map([...sum(asked, amountsOf(overhead))].filter(([, amount]) => amount > 0));
}

/** The requests that a container or pod states, and for the rest its limits. */
function statedRequests(
  { resources }: {
    readonly resources?: { readonly limits?: Quantities; readonly requests?: Quantities };
  },
): Map<string, number> {
  return new Map([...amountsOf(resources?.limits), ...amountsOf(resources?.requests)]);
}

function sum(one: Amounts, other: Amounts): Map<string, number> {
  return combine(one, other, (a, b) => a + b);
}

function largest(one: Amounts, other: Amounts): Map<string, number> {
  return combine(one, other, Math.max);
}

function combine(
  one: Amounts,
  other: Amounts,
  join: (a: number, b: number) => number,
): Map<string, number> {
  const joined = new Map(one);
  for (const [name, amount] of other) joined.set(name, join(joined.get(name) ?? 0, amount));
  return joined;
}
