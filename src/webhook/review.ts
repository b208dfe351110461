/** AdmissionReviews of both versions, in and out. */
import * as z from "zod";
import { findRefusal, type PatchOperation, planDefaults } from "./dijob.ts";

const API_VERSIONS = ["admission.k8s.io/v1", "admission.k8s.io/v1beta1"] as const;

const REVIEW = z.object({
  apiVersion: z.enum(API_VERSIONS),
  kind: z.literal("AdmissionReview"),
  request: z.object({
    uid: z.string(),
    object: z.looseObject({}),
  }),
});
type Review = z.output<typeof REVIEW>;

/** What is answered, in the version that was asked in. */
export interface ReviewAnswer {
  readonly apiVersion: typeof API_VERSIONS[number];
  readonly kind: "AdmissionReview";
  readonly response: {
    readonly uid: string;
    readonly allowed: boolean;
    /** Of a patch: a JSON Patch in base64. */
    readonly patchType?: "JSONPatch";
    readonly patch?: string;
    readonly status?: {
      readonly code: number;
      readonly reason?: string;
      readonly message?: string;
    };
  };
}

/** What a webhook does with the object of a review. */
type Judge = (object: unknown) =>
  & Pick<ReviewAnswer["response"], "allowed">
  & Partial<ReviewAnswer["response"]>;

/** The webhooks by path; paths as in DI-orchestrator v0.1.0. */
export const JUDGES: Readonly<Record<string, Judge>> = {
  "/mutate-diengine-opendilab-org-v1alpha1-dijob": (job) => ({
    allowed: true,
    ...patchOf(planDefaults(job)),
  }),
  "/validate-diengine-opendilab-org-v1alpha1-dijob": (job) => {
    const reason = findRefusal(job);
    return reason === undefined
      ? { allowed: true }
      : { allowed: false, status: { code: 403, reason } };
  },
};

/** The answer to the text of a review. One that cannot be read is refused, with code 400. */
export function answerReview(judge: Judge, text: string): ReviewAnswer {
  const review = parseReview(text);
  if (typeof review === "string") return unreadable(text, review);
  const { apiVersion, request: { uid, object } } = review;
  return { apiVersion, kind: "AdmissionReview", response: { uid, ...judge(object) } };
}

/** The review, or what is wrong with it. */
function parseReview(text: string): Review | string {
  try {
    const parsed = REVIEW.safeParse(JSON.parse(text));
    return parsed.success ? parsed.data : z.prettifyError(parsed.error).replaceAll("\n", " ");
  } catch (error) {
    return error instanceof Error ? error.message : String(error);
  }
}

/** In the version, and with the uid, that can still be made out. */
function unreadable(text: string, message: string): ReviewAnswer {
  let given: unknown;
  try {
    given = JSON.parse(text);
  } catch {
    given = undefined;
  }
  const version = z.object({ apiVersion: z.enum(API_VERSIONS) }).safeParse(given);
  const uid = z.object({ request: z.object({ uid: z.string() }) }).safeParse(given);
  return {
    apiVersion: version.success ? version.data.apiVersion : API_VERSIONS[0],
    kind: "AdmissionReview",
    response: {
      uid: uid.success ? uid.data.request.uid : "",
      allowed: false,
      status: { code: 400, message },
    },
  };
}

function patchOf(operations: readonly PatchOperation[]) {
  if (operations.length === 0) return {};
  const bytes = new TextEncoder().encode(JSON.stringify(operations));
  return { patchType: "JSONPatch" as const, patch: bytes.toBase64() };
}
