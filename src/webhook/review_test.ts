import { deepStrictEqual, match, strictEqual } from "node:assert/strict";
import { answerReview, JUDGES, type ReviewAnswer } from "./review.ts";

const MUTATE = "/mutate-diengine-opendilab-org-v1alpha1-dijob";
const VALIDATE = "/validate-diengine-opendilab-org-v1alpha1-dijob";

function ask(path: string, text: string): ReviewAnswer {
  const judge = JUDGES[path];
  if (judge === undefined) throw new Error(`nobody judges ${path}`);
  return answerReview(judge, text);
}

function review(object: unknown, apiVersion = "admission.k8s.io/v1"): string {
  return JSON.stringify({
    apiVersion,
    kind: "AdmissionReview",
    request: { uid: "u-1", operation: "CREATE", object },
  });
}

function patchIn({ response }: ReviewAnswer): unknown {
  return response.patch === undefined
    ? undefined
    : JSON.parse(new TextDecoder().decode(Uint8Array.fromBase64(response.patch)));
}

Deno.test.each([
  { spec: {}, patch: [{ op: "add", path: "/spec/cleanPodPolicy", value: "Running" }] },
  {
    spec: { cleanPodPolicy: "" },
    patch: [{ op: "add", path: "/spec/cleanPodPolicy", value: "Running" }],
  },
  { spec: { cleanPodPolicy: "None" }, patch: undefined },
  { spec: { cleanPodPolicy: "Sometimes" }, patch: undefined },
  { spec: undefined, patch: undefined },
])("the defaults of a DIJob with spec $spec are one field or nothing", ({ spec, patch }) => {
  const answer = ask(MUTATE, review({ spec }));
  deepStrictEqual(patchIn(answer), patch);
  deepStrictEqual(
    [answer.response.allowed, answer.response.patchType],
    [true, patch && "JSONPatch"],
  );
});

Deno.test.each(["None", "Running", "All", "ALL", ""])("policy %s is valid", (cleanPodPolicy) => {
  deepStrictEqual(ask(VALIDATE, review({ spec: { cleanPodPolicy } })).response, {
    uid: "u-1",
    allowed: true,
  });
});

Deno.test.each([
  { policy: "All!", shown: "All!" },
  { policy: "running", shown: "running" },
  { policy: 7, shown: "7" },
])("policy $policy is refused with the value and what is allowed", ({ policy, shown }) => {
  deepStrictEqual(ask(VALIDATE, review({ spec: { cleanPodPolicy: policy } })), {
    apiVersion: "admission.k8s.io/v1",
    kind: "AdmissionReview",
    response: {
      uid: "u-1",
      allowed: false,
      status: {
        code: 403,
        reason: `Invalid CleanPodPolicy ${shown}, expected in [None, Running, All]`,
      },
    },
  });
});

Deno.test.each([MUTATE, VALIDATE])("%s answers in the version that it is asked in", (path) => {
  for (const version of ["admission.k8s.io/v1", "admission.k8s.io/v1beta1"]) {
    strictEqual(ask(path, review({ spec: {} }, version)).apiVersion, version);
  }
});

Deno.test.each([
  { what: "no JSON", text: "{", uid: "", says: /JSON/ },
  { what: "no review", text: "{}", uid: "", says: /apiVersion/ },
  {
    what: "no object",
    text: JSON.stringify({
      apiVersion: "admission.k8s.io/v1beta1",
      kind: "AdmissionReview",
      request: { uid: "u-2", object: "x" },
    }),
    uid: "u-2",
    says: /request\.object/,
  },
])("a review that is $what is refused with 400, and why", ({ text, uid, says }) => {
  const { response } = ask(VALIDATE, text);
  deepStrictEqual([response.uid, response.allowed, response.status?.code], [uid, false, 400]);
  match(response.status?.message ?? "", says);
});
