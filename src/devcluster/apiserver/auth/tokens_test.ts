import { deepStrictEqual } from "node:assert/strict";
import { type ApiObject, isApiObject, type JsonObject } from "../json.ts";
import { TestApi } from "../test_support.ts";
import { ISSUER, ServiceAccountTokens, type TokenVerdict } from "./tokens.ts";

const NOW_MS = Date.UTC(2030, 0, 1);
const DEFAULT = "/api/v1/namespaces/default";

async function made(api: TestApi, plural: string, body: JsonObject): Promise<ApiObject> {
  const answer = await api.call("POST", `${DEFAULT}/${plural}`, body);
  if (!isApiObject(answer.body)) throw new TypeError("No object was made");
  return answer.body;
}
function faultOf(verdict: TokenVerdict): string | undefined {
  return "fault" in verdict ? verdict.fault : undefined;
}

Deno.test("a token counts until its time is over, for whom it was made and by whom", async () => {
  const api = new TestApi();
  const tokens = new ServiceAccountTokens(api.server.cluster);
  const others = new ServiceAccountTokens(api.server.cluster);
  const account = await made(api, "serviceaccounts", { metadata: { name: "sa" } });
  const grant = { account, audiences: [ISSUER], issuedAtMs: NOW_MS, lifetimeS: 600 };
  const token = tokens.issue(grant);
  const faults = [
    tokens.verify(token, [ISSUER], NOW_MS + 599_000),
    tokens.verify(token, [ISSUER], NOW_MS + 600_000),
    tokens.verify(token, ["x"], NOW_MS),
    others.verify(token, [ISSUER], NOW_MS),
    tokens.verify("a.b.c", [ISSUER], NOW_MS),
    tokens.verify("", [ISSUER], NOW_MS),
  ].map(faultOf);
  api.server.stop();
  deepStrictEqual(faults, [
    undefined,
    "[invalid bearer token, service account token has expired]",
    `[invalid bearer token, token audiences ["${ISSUER}"] is invalid for the target audiences ["x"]]`,
    "invalid bearer token",
    "invalid bearer token",
    "invalid bearer token",
  ]);
});

Deno.test("a pod's token names the pod, and goes with it", async () => {
  const api = new TestApi();
  const tokens = new ServiceAccountTokens(api.server.cluster);
  const account = await made(api, "serviceaccounts", { metadata: { name: "sa" } });
  const containers = [{ name: "c", image: "x" }];
  const pod = await made(api, "pods", { metadata: { name: "p" }, spec: { containers } });
  const grant = { account, pod, audiences: [ISSUER], issuedAtMs: NOW_MS, lifetimeS: 600 };
  const token = tokens.issue(grant);
  const verdict = tokens.verify(token, [ISSUER], NOW_MS);
  await api.call("DELETE", `${DEFAULT}/pods/p`);
  const later = tokens.verify(token, [ISSUER], NOW_MS);
  api.server.stop();
  const extra = "identity" in verdict ? verdict.identity.extra : undefined;
  deepStrictEqual(
    [
      extra?.["authentication.kubernetes.io/pod-name"],
      extra?.["authentication.kubernetes.io/pod-uid"],
      faultOf(later),
    ],
    [["p"], [pod.metadata.uid], '[invalid bearer token, pods "p" not found]'],
  );
});
