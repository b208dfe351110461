/** Reading a request's body as leniently as DI-orchestrator did. */
import { AllocationError } from "../allocation/mod.ts";

/**
 * The body as text, whatever its Content-Type.
 *
 * @throws {AllocationError} `tooLarge` above `limitBytes`; `later` when it has not come before `signal`
 * aborts; `badRequest` when it breaks off.
 */
export async function readBody(
  request: Request,
  limitBytes: number,
  signal: AbortSignal,
): Promise<string> {
  if (request.body === null) return "";
  const reader = request.body.getReader();
  const stop = () => void reader.cancel().catch(() => {}); // the caller hears of it from `signal`
  signal.addEventListener("abort", stop, { once: true });
  const decoder = new TextDecoder();
  let text = "";
  try {
    for (let size = 0;;) {
      const { done, value } = await reader.read();
      if (signal.aborted) throw new AllocationError("later", "request body came too slowly");
      if (done) return text + decoder.decode();
      size += value.byteLength;
      if (size > limitBytes) {
        stop();
        throw new AllocationError("tooLarge", `request body has more than ${limitBytes} bytes`);
      }
      text += decoder.decode(value, { stream: true });
    }
  } catch (error) {
    if (error instanceof AllocationError) throw error;
    throw new AllocationError("badRequest", "failed to decode request body: unexpected EOF");
  } finally {
    signal.removeEventListener("abort", stop);
  }
}

/**
 * The first JSON value in `text`; what follows it is not looked at.
 *
 * @throws {SyntaxError} With `EOF` as its message where there is none.
 */
export function firstJsonValue(text: string): unknown {
  const begun = text.trimStart();
  if (begun === "") throw new SyntaxError("EOF");
  try {
    return JSON.parse(begun);
  } catch (error) {
    const length = lengthOfFirst(begun);
    if (length === undefined) throw new SyntaxError("unexpected EOF");
    if (length === begun.length) throw error;
    return JSON.parse(begun.slice(0, length));
  }
}

/** Where the value that `text` begins with ends; undefined when it is cut off. Does not judge it. */
function lengthOfFirst(text: string): number | undefined {
  let depth = 0;
  let inString = false;
  for (let at = 0; at < text.length; at++) {
    const character = text.charAt(at);
    if (inString) {
      if (character === "\\") at++;
      else if (character === '"') inString = false;
    } else if (character === '"') inString = true;
    else if ("{[".includes(character)) depth++;
    else if ("}]".includes(character)) depth--;
    else if (depth > 0 || !/[\s,:]/.test(character)) continue;
    else return at;
    if (depth <= 0 && !inString) return at + 1;
  }
  return depth > 0 || inString ? undefined : text.length;
}

/**
 * An object with its keys in lower case, and those of the objects in it down to `depth` levels; where
 * two keys become one, the later stands. Anything else as it is.
 */
export function withLowerKeys(value: unknown, depth: number): unknown {
  if (depth === 0 || typeof value !== "object" || value === null || Array.isArray(value)) {
    return value;
  }
  return Object.fromEntries(
    Object.entries(value).map(([key, inner]) => [
      key.toLowerCase(),
      withLowerKeys(inner, depth - 1),
    ]),
  );
}
