/** Roles and their bindings: stored, and obeyed by nobody here. */
import {
  type ApiObject,
  fill,
  isEqual,
  isObject,
  listOf,
  objectOf,
  objectsOf,
  stringOf,
} from "../json.ts";
import { checkPathSegment } from "../names.ts";
import { type FieldError, invalid, notSupported, required } from "../status.ts";
import type { KindRules } from "./rules.ts";

const GROUP = "rbac.authorization.k8s.io";

export const ROLE_RULES: KindRules = {
  checkName: checkPathSegment,
  setDefaults(role: ApiObject) {
    if (listOf(role.rules).length === 0) role.rules = null;
  },
  validate: (role) =>
    objectsOf(role.rules).flatMap((rule, index) =>
      validateRule(rule, `rules[${index}]`, role.kind === "Role")
    ),
};

function validateRule(
  rule: Readonly<Record<string, unknown>>,
  at: string,
  namespaced: boolean,
): FieldError[] {
  const errors: FieldError[] = [];
  const isEmpty = (field: string) => listOf(rule[field]).length === 0;
  if (isEmpty("verbs")) {
    errors.push(required(`${at}.verbs`, "verbs must contain at least one value"));
  }
  if (!isEmpty("nonResourceURLs")) {
    if (namespaced) {
      const why = "namespaced rules cannot apply to non-resource URLs";
      return [...errors, invalid(`${at}.nonResourceURLs`, rule.nonResourceURLs, why)];
    }
    if (!["apiGroups", "resources", "resourceNames"].every(isEmpty)) {
      const why = "rules cannot apply to both regular resources and non-resource URLs";
      errors.push(invalid(`${at}.nonResourceURLs`, rule.nonResourceURLs, why));
    }
    return errors;
  }
  if (isEmpty("apiGroups")) {
    errors.push(required(`${at}.apiGroups`, "resource rules must supply at least one api group"));
  }
  if (isEmpty("resources")) {
    errors.push(required(`${at}.resources`, "resource rules must supply at least one resource"));
  }
  return errors;
}

const SUBJECT_KINDS = ["ServiceAccount", "User", "Group"];

export const ROLE_BINDING_RULES: KindRules = {
  checkName: checkPathSegment,
  setDefaults(binding: ApiObject) {
    if (isObject(binding.roleRef)) fill(binding.roleRef, "apiGroup", GROUP);
    for (const subject of objectsOf(binding.subjects)) {
      if (subject.kind !== "ServiceAccount") fill(subject, "apiGroup", GROUP);
    }
  },
  validate(binding: ApiObject): FieldError[] {
    const { apiGroup = GROUP, kind = "", name = "" } = objectOf(binding.roleRef);
    const kinds = binding.kind === "RoleBinding" ? ["Role", "ClusterRole"] : ["ClusterRole"];
    const errors: FieldError[] = [];
    if (apiGroup !== GROUP) errors.push(notSupported("roleRef.apiGroup", apiGroup, [GROUP]));
    if (!kinds.includes(stringOf(kind))) errors.push(notSupported("roleRef.kind", kind, kinds));
    if (name === "") errors.push(required("roleRef.name"));
    return [
      ...errors,
      ...objectsOf(binding.subjects).flatMap((subject, index) =>
        validateSubject(subject, `subjects[${index}]`, binding.kind === "RoleBinding")
      ),
    ];
  },
  validateUpdate(binding: ApiObject, previous: ApiObject): FieldError[] {
    if (isEqual(binding.roleRef, previous.roleRef)) return [];
    // The real server shows its inner form.
    const { apiGroup, kind, name } = objectOf(binding.roleRef);
    const shown = { APIGroup: apiGroup, Kind: kind, Name: name };
    return [invalid("roleRef", shown, "cannot change roleRef")];
  },
};

/** @param namespaced Whether an account may be meant that is beside the binding. */
function validateSubject(
  subject: Readonly<Record<string, unknown>>,
  at: string,
  namespaced: boolean,
): FieldError[] {
  const { kind = "", name = "", namespace = "" } = subject;
  const errors: FieldError[] = name === "" ? [required(`${at}.name`)] : [];
  if (!SUBJECT_KINDS.includes(stringOf(kind))) {
    errors.push(notSupported(`${at}.kind`, kind, SUBJECT_KINDS));
  }
  if (kind === "ServiceAccount" && namespace === "" && !namespaced) {
    errors.push(required(`${at}.namespace`));
  }
  return errors;
}
