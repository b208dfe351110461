// deno-lint-ignore-file no-console
/** How figures are printed. */

/** What a figure must be; a figure without one is only shown. */
export interface Bound {
  readonly atLeast?: number;
  readonly under?: number;
}

/** Prints one figure with its bound and whether that holds. */
export function printFigure(what: string, value: number, unit: string, bound: Bound = {}): void {
  print(what, figureText(value), unit, boundText(bound, [value]));
}

/** Prints least, median and most of several runs; the bound must hold in each of them. */
export function printRuns(
  what: string,
  values: readonly number[],
  unit: string,
  bound: Bound = {},
): void {
  const sorted = values.toSorted((a, b) => a - b);
  const shown = [sorted.at(0), median(sorted), sorted.at(-1)].map((value) =>
    figureText(value ?? NaN)
  );
  print(what, shown.join(" / "), unit, boundText(bound, values));
}

/** The middle one; of an even number the upper of the two. */
export function median(values: readonly number[]): number {
  return values.toSorted((a, b) => a - b)[values.length >> 1] ?? NaN;
}

function print(what: string, figure: string, unit: string, bound: string): void {
  console.log(`${what.padEnd(44)}${figure.padStart(24)} ${unit.padEnd(12)} ${bound}`.trimEnd());
}

function figureText(value: number): string {
  return value >= 1000 ? value.toFixed(0) : value.toFixed(value < 10 ? 2 : 1);
}

function boundText({ atLeast, under }: Bound, values: readonly number[]): string {
  if (atLeast === undefined && under === undefined) return "";
  const holds = values.every((value) =>
    value >= (atLeast ?? -Infinity) && value < (under ?? Infinity)
  );
  const texts = [
    ...(atLeast === undefined ? [] : [`at least ${atLeast}`]),
    ...(under === undefined ? [] : [`under ${under}`]),
  ];
  return `(${texts.join(", ")}: ${holds ? "holds" : "MISSED"})`;
}
