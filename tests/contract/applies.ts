/** Server-side applies, and what the record of managers shows of them. */
import type { Exchange } from "./exchange.ts";
import { ABSENT, ANY, whole } from "./expected.ts";
import { configMap } from "./objects.ts";

type Fields = Readonly<Record<string, unknown>>;

/** An apply of a ConfigMap called `a` by a manager. */
export function applies(manager: string, data: Fields, query = ""): Exchange {
  return {
    send: `PATCH configmaps/a?fieldManager=${manager}${query}`,
    type: "apply",
    body: configMap("a", data),
  };
}

/** What a manager has, as `metadata.managedFields` shows it. */
export function share(
  manager: string,
  operation: "Apply" | "Update",
  fieldsV1: Fields,
  more: Fields = {},
) {
  return {
    manager,
    operation,
    apiVersion: "v1",
    time: ANY,
    fieldsType: "FieldsV1",
    fieldsV1: whole(fieldsV1),
    subresource: ABSENT,
    ...more,
  };
}
