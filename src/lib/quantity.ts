/** Kubernetes quantities: `500m`, `2`, `8Gi`, `1e3`. */

const FORM = /^([+-]?(?:[0-9]+(?:\.[0-9]*)?|\.[0-9]+))(.*)$/;
const DECIMAL: Readonly<Record<string, number>> = {
  n: 1e-9,
  u: 1e-6,
  m: 1e-3,
  "": 1,
  k: 1e3,
  M: 1e6,
  G: 1e9,
  T: 1e12,
  P: 1e15,
  E: 1e18,
  Ki: 2 ** 10,
  Mi: 2 ** 20,
  Gi: 2 ** 30,
  Ti: 2 ** 40,
  Pi: 2 ** 50,
  Ei: 2 ** 60,
};

/**
 * The amount that a quantity stands for, in the resource's own unit (cores, bytes, pieces).
 *
 * @throws {SyntaxError} With the texts that kube-apiserver 1.36 uses.
 */
export function parseQuantity(text: string): number {
  const match = FORM.exec(text);
  if (match === null) {
    throw new SyntaxError(
      "quantities must match the regular expression '^([+-]?[0-9.]+)([eEinumkKMGTP]*[-+]?[0-9]*)$'",
    );
  }
  const [, digits = "", suffix = ""] = match;
  const factor = DECIMAL[suffix] ?? exponentOf(suffix);
  if (factor === undefined) throw new SyntaxError("unable to parse quantity's suffix");
  return Number(digits) * factor;
}

function exponentOf(suffix: string): number | undefined {
  return /^[eE][+-]?[0-9]+$/.test(suffix) ? Number(`1${suffix}`) : undefined;
}
