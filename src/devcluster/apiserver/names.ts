/** What may be a name, and what the answer is to something else. Wording as the real server has it. */
import { type FieldError, invalid, required, tooLong } from "./status.ts";
import type { Meta } from "./json.ts";

const LABEL = /^[a-z0-9]([-a-z0-9]*[a-z0-9])?$/;
const SUBDOMAIN = /^[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*$/;
const QUALIFIED = /^([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]$/;
const LABEL_VALUE = /^(([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9])?$/;

/** Why it cannot be a DNS-1123 subdomain; [] when it can. */
export function checkSubdomain(name: string): string[] {
  const faults: string[] = [];
  if (name.length > 253) faults.push("must be no more than 253 characters");
  if (!SUBDOMAIN.test(name)) {
    faults.push(
      "a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '-' or '.', and must start and end with an alphanumeric character (e.g. 'example.com', regex used for validation is '[a-z0-9]([-a-z0-9]*[a-z0-9])?(\\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*')",
    );
  }
  return faults;
}
/** Why it cannot be a DNS-1123 label; [] when it can. */
export function checkLabel(name: string): string[] {
  const faults: string[] = [];
  if (name.length > 63) faults.push("must be no more than 63 characters");
  if (!LABEL.test(name)) {
    faults.push(
      name.includes(".")
        ? "must not contain dots"
        : "a lowercase RFC 1123 label must consist of lower case alphanumeric characters or '-', and must start and end with an alphanumeric character (e.g. 'my-name',  or '123-abc', regex used for validation is '[a-z0-9]([-a-z0-9]*[a-z0-9])?')",
    );
  }
  return faults;
}
/** Why it cannot be a part of a path, all that RBAC asks of names. */
export function checkPathSegment(name: string): string[] {
  if (name === "." || name === "..") return [`may not be '${name}'`];
  return ["/", "%"].filter((part) => name.includes(part)).map((part) =>
    `may not contain '${part}'`
  );
}
/** Why it cannot be a label key or similar; [] when it can. */
export function checkQualifiedName(key: string): string[] {
  const parts = key.split("/");
  const name = parts.at(-1) ?? "";
  if (parts.length > 2) {
    return [
      "a valid label key must consist of alphanumeric characters, '-', '_' or '.', and must start and end with an alphanumeric character (e.g. 'MyName',  or 'my.name',  or '123-abc', regex used for validation is '([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]') with an optional DNS subdomain prefix and '/' (e.g. 'example.com/MyName')",
    ];
  }
  const faults: string[] = [];
  const prefix = parts[0];
  if (parts.length === 2 && prefix !== undefined) {
    if (prefix === "") faults.push("prefix part must be non-empty");
    else faults.push(...checkSubdomain(prefix).map((fault) => `prefix part ${fault}`));
  }
  if (name === "") faults.push("name part must be non-empty");
  else if (name.length > 63) faults.push("name part must be no more than 63 bytes");
  if (!QUALIFIED.test(name)) {
    faults.push(
      "name part must consist of alphanumeric characters, '-', '_' or '.', and must start and end with an alphanumeric character (e.g. 'MyName',  or 'my.name',  or '123-abc', regex used for validation is '([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]')",
    );
  }
  return faults;
}

const ANNOTATIONS_MAX_BYTES = 256 * 1024;

/** Checks labels under `field`. */
export function validateLabels(
  labels: Readonly<Record<string, string>> | undefined,
  field: string,
): FieldError[] {
  const errors: FieldError[] = [];
  for (const [key, value] of Object.entries(labels ?? {})) {
    errors.push(...checkQualifiedName(key).map((fault) => invalid(field, key, fault)));
    if (value.length > 63) errors.push(invalid(field, value, "must be no more than 63 bytes"));
    if (!LABEL_VALUE.test(value)) {
      errors.push(
        invalid(
          field,
          value,
          "a valid label must be an empty string or consist of alphanumeric characters, '-', '_' or '.', and must start and end with an alphanumeric character (e.g. 'MyValue',  or 'my_value',  or '12345', regex used for validation is '(([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9])?')",
        ),
      );
    }
  }
  return errors;
}

const FINALIZERS: ReadonlySet<string> = new Set(["foregroundDeletion", "kubernetes", "orphan"]);

/** Finalizers of built-in kinds must say whose they are. */
export function validateFinalizers(finalizers: readonly string[]): FieldError[] {
  return finalizers.flatMap((name, index) => {
    if (name.includes("/") || FINALIZERS.has(name)) return [];
    const why = "name is neither a standard finalizer name nor is it fully qualified";
    return [invalid(`metadata.finalizers[${index}]`, name, why)];
  });
}

/** What begins a name may end in a dash, which no name may. */
function withoutDash(base: string): string {
  return base.length > 1 && base.endsWith("-") ? `${base.slice(0, -2)}a` : base;
}

/** Checks metadata whose types are right already. */
export function validateMetadata(
  meta: Meta,
  checkName: (name: string) => string[],
): FieldError[] {
  const errors: FieldError[] = [];
  const base = meta.generateName ?? "";
  for (const fault of base === "" ? [] : checkName(withoutDash(base))) {
    errors.push(invalid("metadata.generateName", base, fault));
  }
  if (meta.name === undefined || meta.name === "") {
    errors.push(required("metadata.name", "name or generateName is required"));
  } else {
    for (const fault of checkName(meta.name)) {
      errors.push(invalid("metadata.name", meta.name, fault));
    }
  }
  errors.push(...validateLabels(meta.labels, "metadata.labels"));
  let bytes = 0;
  for (const [key, value] of Object.entries(meta.annotations ?? {})) {
    for (const fault of checkQualifiedName(key.toLowerCase())) {
      errors.push(invalid("metadata.annotations", key, fault));
    }
    bytes += key.length + value.length;
  }
  if (bytes > ANNOTATIONS_MAX_BYTES) {
    errors.push(tooLong("metadata.annotations", ANNOTATIONS_MAX_BYTES));
  }
  for (const owner of meta.ownerReferences ?? []) {
    // The real server names no index here.
    const at = "metadata.ownerReferences";
    if (!owner.apiVersion || owner.apiVersion.split("/").length > 2) {
      errors.push(invalid(`${at}.apiVersion`, owner.apiVersion ?? "", "version must not be empty"));
    }
    if (!owner.kind) errors.push(invalid(`${at}.kind`, owner.kind ?? "", "must not be empty"));
    if (!owner.name) errors.push(invalid(`${at}.name`, owner.name ?? "", "must not be empty"));
    if (!owner.uid) errors.push(invalid(`${at}.uid`, owner.uid ?? "", "must not be empty"));
    if (owner.kind === "Event" && owner.apiVersion === "v1") {
      const why = "/v1, Kind=Event is disallowed from being an owner";
      errors.push(invalid(at, owner, why));
    }
  }
  const controllers = (meta.ownerReferences ?? []).filter(({ controller }) => controller === true);
  if (controllers.length > 1) {
    const [first, second] = controllers;
    errors.push(
      invalid(
        "metadata.ownerReferences",
        controllers,
        `Only one reference can have Controller set to true. Found "true" in references for ${first?.kind}/${first?.name} and ${second?.kind}/${second?.name}`,
      ),
    );
  }
  for (const finalizer of meta.finalizers ?? []) {
    for (const fault of checkQualifiedName(finalizer)) {
      errors.push(invalid("metadata.finalizers", finalizer, fault));
    }
  }
  return errors;
}
