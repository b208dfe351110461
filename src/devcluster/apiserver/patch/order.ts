/** The order of lists that are merged item by item. */

/**
 * Puts a merged list in the order of the real server: what `order` names in that order, and between
 * that, what only the server has, as near to its old neighbours as can be.
 *
 * @param before The list before the merge.
 * @param keyOf Names an item, of all three lists.
 */
export function inOrder(
  merged: readonly unknown[],
  order: readonly unknown[],
  before: readonly unknown[],
  keyOf: (item: unknown) => string,
): unknown[] {
  const wanted = new Map(order.map((item, index) => [keyOf(item), index]));
  const old = new Map(before.map((item, index) => [keyOf(item), index]));
  const place = (item: unknown) => wanted.get(keyOf(item)) ?? 0;
  const named = merged.filter((item) => wanted.has(keyOf(item)))
    .sort((a, b) => place(a) - place(b));
  const others = merged.filter((item) => !wanted.has(keyOf(item)));
  const result: unknown[] = [];
  for (const item of named) {
    const at = old.get(keyOf(item));
    while (at !== undefined && others.length > 0 && (old.get(keyOf(others[0])) ?? 0) < at) {
      result.push(others.shift());
    }
    result.push(item);
  }
  return [...result, ...others];
}
