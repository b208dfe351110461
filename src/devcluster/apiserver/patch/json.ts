/** JSON patch, RFC 6902, with the refusals of the real server. */
import { applyPatch, type Operation } from "rfc6902";
import { isObject } from "../json.ts";
import { badRequest, StatusError } from "../status.ts";

const OPERATIONS = ["add", "remove", "replace", "move", "copy", "test"];
const OPERATIONS_MAX = 10_000;

/**
 * Applies the operations to `target`, in place.
 *
 * @throws {StatusError} 400 when it is no list of operations, 413 for too many, 422 when one fails.
 */
export function jsonPatch(target: object, patch: unknown): unknown {
  if (!Array.isArray(patch)) {
    const found = isObject(patch) ? "object" : typeof patch;
    throw badRequest(
      `error decoding patch: json: cannot unmarshal ${found} into Go value of type []handlers.jsonPatchOp`,
    );
  }
  if (patch.length > OPERATIONS_MAX) {
    throw new StatusError(
      413,
      "RequestEntityTooLarge",
      `Request entity too large: The allowed maximum operations in a JSON patch is ${OPERATIONS_MAX}, got ${patch.length}`,
    );
  }
  if (!patch.every(isOperation)) throw rejected();
  // Wrapped, since an operation on "" replaces the whole.
  const holder = { root: target };
  const moved = patch.map((operation) => ({
    ...operation,
    path: `/root${operation.path}`,
    ...("from" in operation && { from: `/root${operation.from}` }),
  }));
  const faults = applyPatch(holder, moved);
  if (faults.some((fault) => fault !== null)) throw rejected();
  return holder.root;
}

function isOperation(value: unknown): value is Operation {
  return isObject(value) && typeof value.op === "string" && OPERATIONS.includes(value.op) &&
    typeof value.path === "string" && /^(\/|$)/.test(value.path);
}

function rejected(): StatusError {
  const message = "the server rejected our request due to an error in our request";
  return new StatusError(422, "Invalid", message, {});
}
