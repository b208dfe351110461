/** Quantities (`500m`, `1Gi`) in the form that the real server gives them back. */

const QUANTITY = /^([+-]?)(\d+\.?\d*|\.\d+)(Ki|Mi|Gi|Ti|Pi|Ei|n|u|m|k|M|G|T|P|E|[eE][+-]?\d+)?$/;
const BINARY = ["", "Ki", "Mi", "Gi", "Ti", "Pi", "Ei"];
const DECIMAL = ["n", "u", "m", "", "k", "M", "G", "T", "P", "E"];
/** Place of the suffix for whole units in `DECIMAL`. */
const UNIT = 3;

/** `1000m` → `1`, `1024Mi` → `1Gi`; what is no quantity stays as it is. */
export function canonicalQuantity(value: unknown): unknown {
  if (typeof value !== "string" && typeof value !== "number") return value;
  const found = QUANTITY.exec(String(value));
  if (found === null) return value;
  const [, sign = "", digits = "0", suffix = ""] = found;
  const binary = BINARY.indexOf(suffix);
  if (binary > 0 && !digits.includes(".")) {
    let amount = BigInt(digits);
    let power = binary;
    if (amount === 0n) return "0";
    while (amount % 1024n === 0n && power < BINARY.length - 1) {
      amount /= 1024n;
      power += 1;
    }
    return minus(sign) + amount + BINARY[power];
  }
  if (binary > 0) return value;
  // Everything decimal as a count of nano units.
  const exponent = /^[eE]/.test(suffix)
    ? Number(suffix.slice(1))
    : 3 * (DECIMAL.indexOf(suffix) - UNIT);
  const [whole = "", fraction = ""] = digits.split(".");
  const shift = 9 + exponent - fraction.length;
  if (shift < 0 || shift > 40) return value;
  let amount = BigInt(whole + fraction) * 10n ** BigInt(shift);
  if (amount === 0n) return "0";
  let power = 0;
  while (amount % 1000n === 0n && power < DECIMAL.length - 1) {
    amount /= 1000n;
    power += 1;
  }
  return minus(sign) + amount + DECIMAL[power];
}

function minus(sign: string): string {
  return sign === "-" ? "-" : "";
}
