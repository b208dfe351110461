import { deepStrictEqual, strictEqual } from "node:assert/strict";
import { AllocationError } from "../allocation/mod.ts";
import { ApiError, ConnectionError } from "../kube/mod.ts";
import { loggerOf } from "../lib/logger.ts";
import { errorAnswer, NOTHING_DONE, streamed, successAnswer, UnfinishedError } from "./answers.ts";

const log = loggerOf("test");

Deno.test.each([
  { error: new AllocationError("badRequest", "no"), status: 400, message: "no", wait: null },
  { error: new AllocationError("notFound", "no"), status: 404, message: "no", wait: null },
  { error: new AllocationError("tooLarge", "no"), status: 413, message: "no", wait: null },
  { error: new AllocationError("notImplemented", "no"), status: 501, message: "no", wait: null },
  { error: new AllocationError("later", "no"), status: 200, message: "no", wait: "2" },
  { error: new ConnectionError("no", "reset"), status: 200, message: "no", wait: "2" },
  { error: new ApiError(400, "BadRequest", "no"), status: 400, message: "no", wait: null },
  { error: new ApiError(422, "Invalid", "no"), status: 400, message: "no", wait: null },
  { error: new ApiError(404, "NotFound", "no"), status: 404, message: "no", wait: null },
  { error: new ApiError(401, "Unauthorized", "no"), status: 200, message: "no", wait: "2" },
  { error: new ApiError(403, "Forbidden", "no"), status: 200, message: "no", wait: "2" },
  { error: new ApiError(409, "Conflict", "no"), status: 200, message: "no", wait: "2" },
  {
    error: new ApiError(429, "TooManyRequests", "no", undefined, 6500),
    status: 200,
    message: "no",
    wait: "7",
  },
  { error: new ApiError(503, "", "no"), status: 200, message: "no", wait: "2" },
  { error: new ApiError(415, "", "no"), status: 500, message: "Internal error", wait: null },
  { error: new TypeError("inside"), status: 500, message: "Internal error", wait: null },
  { error: "thrown text", status: 500, message: "Internal error", wait: null },
])("errorAnswer() of $error is $status", async ({ error, status, message, wait }) => {
  const answer = errorAnswer(error, NOTHING_DONE, log);
  deepStrictEqual([answer.status, answer.headers.get("retry-after")], [status, wait]);
  const data = { namespace: "", coordinator: "", collectors: null, learners: null };
  deepStrictEqual(await answer.json(), { success: false, code: 1, message, data });
});

Deno.test("errorAnswer() of unfinished work has its data and the status of its cause", async () => {
  const data = { namespace: "rl", coordinator: "c", collectors: ["a"], learners: [] };
  const cause = new ApiError(403, "Forbidden", "exceeded quota");
  const answer = errorAnswer(new UnfinishedError("deleted 1 of 2", data, cause), null, log);
  strictEqual(answer.status, 200);
  deepStrictEqual(
    await answer.json(),
    { success: false, code: 1, message: "deleted 1 of 2", data },
  );
});

Deno.test("successAnswer() is the envelope as JSON", async () => {
  const answer = successAnswer("done", []);
  strictEqual(answer.headers.get("content-type"), "application/json");
  deepStrictEqual(await answer.json(), { success: true, code: 0, message: "done", data: [] });
});

Deno.test("streamed() keeps what an answer says", async () => {
  const answer = await streamed(errorAnswer(new AllocationError("later", "wait"), null, log));
  const { status, headers } = answer;
  const text = await answer.text();
  deepStrictEqual(
    [
      status,
      headers.get("content-type"),
      headers.get("content-length"),
      headers.get("retry-after"),
    ],
    [200, "application/json", String(text.length), "2"],
  );
  deepStrictEqual(JSON.parse(text), { success: false, code: 1, message: "wait", data: null });
});
