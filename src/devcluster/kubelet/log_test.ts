import { deepStrictEqual, ok, strictEqual, throws } from "node:assert/strict";
import { eventually } from "../../../tests/support/eventually.ts";
import { LogFile, rotatedPath } from "./log_file.ts";
import { type LogQuery, LogQueryError, parseLogQuery, readLog, selectLines } from "./log_read.ts";

const ALL: LogQuery = { follow: false, timestamps: false, previous: false };
const STORED = "2026-01-01T00:00:01.000Z stdout F one\n" +
  "2026-01-01T00:00:02.000Z stdout P tw\n" +
  "2026-01-01T00:00:02.500Z stdout F o\n" +
  "2026-01-01T00:00:03.000Z stdout F \n" +
  "2026-01-01T00:00:04.000Z stdout F with  spaces \n";

Deno.test.each([
  { what: "everything", query: {}, text: "one\ntwo\n\nwith  spaces \n" },
  { what: "the last line", query: { tailLines: 1 }, text: "with  spaces \n" },
  { what: "a tail with a line in parts", query: { tailLines: 3 }, text: "two\n\nwith  spaces \n" },
  { what: "no line", query: { tailLines: 0 }, text: "" },
  { what: "more than there is", query: { tailLines: 99 }, text: "one\ntwo\n\nwith  spaces \n" },
  {
    what: "lines since a time",
    query: { sinceMs: Date.UTC(2026, 0, 1, 0, 0, 3) },
    text: "\nwith  spaces \n",
  },
  {
    what: "times",
    query: { timestamps: true, tailLines: 2 },
    text: "2026-01-01T00:00:03.000Z \n2026-01-01T00:00:04.000Z with  spaces \n",
  },
])("selectLines() gives $what", ({ query, text }) => {
  strictEqual(selectLines(STORED, { ...ALL, ...query }), text);
});

Deno.test("parseLogQuery() reads every parameter", () => {
  const text = "follow=true&tailLines=3&previous=1&timestamps=false&limitBytes=9&sinceSeconds=10";
  deepStrictEqual(parseLogQuery(new URLSearchParams(text), 60_000), {
    follow: true,
    previous: true,
    timestamps: false,
    tailLines: 3,
    limitBytes: 9,
    sinceMs: 50_000,
  });
  throws(() => parseLogQuery(new URLSearchParams("tailLines=-1"), 0), LogQueryError);
  throws(() => parseLogQuery(new URLSearchParams("sinceTime=now"), 0), LogQueryError);
});

/** Runs `use` with a new log; the folder is removed afterwards. */
async function withLog(
  use: (log: LogFile) => Promise<void>,
  limit?: number,
): Promise<void> {
  const folder = await Deno.makeTempDir();
  const log = new LogFile(`${folder}/0.log`, () => Date.UTC(2026, 0, 1), limit);
  try {
    await use(log);
  } finally {
    await log.close();
    await Deno.remove(folder, { recursive: true });
  }
}

function bytes(text: string): Uint8Array {
  return new TextEncoder().encode(text);
}

async function textOf(log: LogFile, query: Partial<LogQuery> = {}): Promise<string> {
  let text = "";
  const signal = AbortSignal.timeout(5000);
  for await (const chunk of readLog(log, { ...ALL, ...query }, signal)) {
    text += new TextDecoder().decode(chunk);
  }
  return text;
}

Deno.test("a log joins what comes in pieces, and ends without a line end if there was none", () =>
  withLog(async (log) => {
    await log.write(bytes("he"));
    await log.write(bytes("llo\nwor"));
    strictEqual(await textOf(log), "hello\n");
    await log.write(bytes("ld"));
    await log.close();
    strictEqual(await textOf(log), "hello\nworld");
    strictEqual(
      await Deno.readTextFile(log.path),
      "2026-01-01T00:00:00.000Z stdout F hello\n2026-01-01T00:00:00.000Z stdout P world\n",
    );
    strictEqual(await textOf(log, { limitBytes: 3 }), "hel");
  }));

Deno.test("a log cuts very long lines into parts and gives them back whole", () =>
  withLog(async (log) => {
    const line = "x".repeat(50_000);
    await log.write(bytes(`${line}\n`));
    for (let at = 0; at < line.length; at += 10_000) {
      await log.write(bytes(line.slice(at, at + 10_000)));
    }
    await log.write(bytes("\nend\n"));
    strictEqual(await textOf(log), `${line}\n${line}\nend\n`);
  }));

Deno.test("a log gives bytes back as they were, cut in the middle of characters or no text at all", () =>
  withLog(async (log) => {
    const line = `x${"é".repeat(20_000)}`;
    for (const piece of [bytes(line), Uint8Array.of(0xff, 0), bytes("\n")]) await log.write(piece);
    const [read] = await Array.fromAsync(readLog(log, ALL, AbortSignal.timeout(5000)));
    deepStrictEqual(read, Uint8Array.of(...bytes(line), 0xff, 0, 10));
  }));

Deno.test("a log that grows too large keeps one older file", () =>
  withLog(async (log) => {
    for (let number = 10; number < 40; number++) await log.write(bytes(`line ${number}\n`));
    const stored = await textOf(log);
    ok(stored.endsWith("line 38\nline 39\n"), stored);
    ok(!stored.includes("line 10"), stored);
    strictEqual((await Deno.stat(rotatedPath(log.path))).isFile, true);
    strictEqual(await textOf(log, { tailLines: 2 }), "line 38\nline 39\n");
  }, 400));

Deno.test("a follower sees each line once, across a new file, until the log ends", () =>
  withLog(async (log) => {
    await log.write(bytes("line 0\nline 1\n"));
    let seen = "";
    const following = (async () => {
      const query = { ...ALL, follow: true, tailLines: 1 };
      for await (const chunk of readLog(log, query, AbortSignal.timeout(5000))) {
        seen += new TextDecoder().decode(chunk);
      }
    })();
    let expected = "line 1\n";
    for (let number = 2; number < 30; number++) {
      await eventually(`line ${number - 1}`, () => seen === expected, { intervalMs: 1 });
      await log.write(bytes(`line ${number}\n`));
      expected += `line ${number}\n`;
    }
    await log.write(bytes("end"));
    await log.close();
    await following;
    strictEqual(seen, `${expected}end`);
  }, 400));

Deno.test("a follower leaves when it is called off", () =>
  withLog(async (log) => {
    const abort = new AbortController();
    const lines = readLog(log, { ...ALL, follow: true }, abort.signal);
    const next = lines.next();
    abort.abort();
    deepStrictEqual(await next, { value: undefined, done: true });
  }));

Deno.test("a log drops what it cannot write, and goes on when it can", async () => {
  const folder = await Deno.makeTempDir();
  const logs = `${folder}/logs`;
  await Deno.mkdir(logs);
  const log = new LogFile(`${logs}/0.log`, () => Date.UTC(2026, 0, 1), 100);
  const write = (text: string) => log.write(new TextEncoder().encode(`${text}\n`));
  await write("kept in a file that is gone");
  await Deno.remove(logs, { recursive: true });
  // The limit is passed: a new file is due, and there is no folder for it.
  for (let at = 0; at < 5; at++) await write("x".repeat(50));
  await Deno.mkdir(logs);
  await write("again");
  strictEqual(await Deno.readTextFile(log.path), "2026-01-01T00:00:00.000Z stdout F again\n");
  await log.close();
  await Deno.remove(folder, { recursive: true });
});
