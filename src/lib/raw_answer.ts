/** Answers on connections that have left the HTTP server's hands. */
import { STATUS_CODES } from "node:http";

/** A short answer as it goes over the wire; the connection ends with it. */
export async function rawAnswer(answer: Response): Promise<string> {
  const text = await answer.text();
  const size = new TextEncoder().encode(text).length;
  return [
    `HTTP/1.1 ${answer.status} ${STATUS_CODES[answer.status] ?? "Refused"}`,
    ...[...answer.headers].map(([name, value]) => `${name}: ${value}`),
    `content-length: ${size}`,
    "connection: close",
    "",
    text,
  ].join("\r\n");
}
