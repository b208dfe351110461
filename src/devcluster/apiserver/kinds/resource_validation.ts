/** Validation of what a container asks of its node. */
import { parseQuantity } from "../../../lib/quantity.ts";
import { type JsonObject, objectOf } from "../json.ts";
import { checkQualifiedName } from "../names.ts";
import { type FieldError, invalid, required } from "../status.ts";

const STANDARD = /^(cpu|memory|ephemeral-storage|hugepages-.+)$/;

/** Everything wrong with a container's `resources`, whose quantities can be read. */
export function validateResources(resources: JsonObject, at: string): FieldError[] {
  const limits = objectOf(resources.limits);
  const requests = objectOf(resources.requests);
  const errors: FieldError[] = [];
  for (const [part, quantities] of [["limits", limits], ["requests", requests]] as const) {
    for (const [name, quantity] of Object.entries(quantities)) {
      errors.push(...validateQuantity(name, quantity, `${at}.${part}[${name}]`));
    }
  }
  for (const [name, request] of Object.entries(requests)) {
    const limit = limits[name];
    const whole = isExtended(name);
    if (limit === undefined) {
      if (!whole) continue;
      const why = "Limit must be set for non overcommitable resources";
      errors.push(required(`${at}.limits`, why));
      continue;
    }
    const [asked, allowed] = [amountOf(request), amountOf(limit)];
    const word = whole ? "equal to" : "less than or equal to";
    if (whole ? asked === allowed : asked <= allowed) continue;
    errors.push(invalid(`${at}.requests`, request, `must be ${word} ${name} limit of ${limit}`));
  }
  return errors;
}

function validateQuantity(name: string, quantity: unknown, at: string): FieldError[] {
  const errors = checkQualifiedName(name).map((fault) => invalid(at, name, fault));
  if (errors.length === 0 && !name.includes("/") && !STANDARD.test(name)) {
    errors.push(
      invalid(at, name, "must be a standard resource type or fully qualified"),
      invalid(at, name, "must be a standard resource for containers"),
    );
  }
  const amount = amountOf(quantity);
  if (amount < 0) errors.push(invalid(at, quantity, "must be greater than or equal to 0"));
  if (isExtended(name) && !Number.isInteger(amount)) {
    errors.push(invalid(at, quantity, "must be an integer"));
  }
  return errors;
}

/** Resources that somebody else than Kubernetes counts, such as GPUs. */
function isExtended(name: string): boolean {
  return name.includes("/") && !/^([^/]+\.)?kubernetes\.io\//.test(name);
}
function amountOf(quantity: unknown): number {
  return parseQuantity(String(quantity));
}
