import { deepStrictEqual, ok } from "node:assert/strict";
import { importsOf, readSources } from "./source_files.ts";

/** The rooms of `src/`, highest first. A room may import from those below it. */
const ROOMS = [
  "cli",
  "server",
  "operator",
  "webhook",
  "mock",
  "install",
  "devcluster",
  "allocation",
  "controller",
  "replicas",
  "api",
  "kube",
  "lib",
];
/** Makes generated files at build time; nothing imports it. */
const TOOLS = "tools";
/** Rooms within a room: they meet the other rooms, and each other, over HTTP only. */
const SUB_ROOMS = ["devcluster/apiserver", "devcluster/kubelet"];
/** All that a sub-room may import from outside itself. */
const ALLOWED_TO_SUB_ROOMS = ["lib", "kube"];
/** A room without a `mod.ts`: its files are single tools that have nothing to do with each other. */
const OPEN_ROOMS = ["lib"];
/** Files that may be entered directly: data, and what both sub-rooms serve TLS with. */
const OPEN_FILES = ["src/kube/openapi.json", "src/devcluster/certificate.ts"];

/** `devcluster/kubelet` for `src/devcluster/kubelet/ports.ts`; "" for files outside the rooms. */
function roomOf(path: string): string {
  const [top, room = "", sub = ""] = path.split("/");
  if (top !== "src") return "";
  return SUB_ROOMS.includes(`${room}/${sub}`) ? `${room}/${sub}` : room;
}

interface Import {
  readonly from: string;
  readonly to: string;
}

async function importsBetweenRooms(): Promise<Import[]> {
  const all = (await readSources()).flatMap((file) =>
    importsOf(file).map((to) => ({ from: file.path, to }))
  );
  ok(all.length > 100, "the imports were not found");
  return all.filter(({ from, to }) => from.startsWith("src/") && roomOf(from) !== roomOf(to));
}

function shown(imports: readonly Import[]): string[] {
  return imports.map(({ from, to }) => `${from} imports ${to}`);
}

Deno.test("every file of src/ is in a room that the list knows", async () => {
  const known = new Set([...ROOMS, TOOLS]);
  const files = await readSources();
  const paths = files.map(({ path }) => path).filter((path) => path.startsWith("src/"));
  deepStrictEqual(paths.filter((path) => !known.has(path.split("/")[1] ?? "")), []);
});

Deno.test("imports between rooms point down", async () => {
  const height = (path: string) => ROOMS.indexOf(roomOf(path).split("/")[0] ?? "");
  const wrong = (await importsBetweenRooms()).filter(({ from, to }) =>
    roomOf(from) !== TOOLS && to.startsWith("src/") && height(to) < height(from)
  );
  deepStrictEqual(shown(wrong), []);
});

Deno.test("rooms are entered by their mod.ts", async () => {
  const wrong = (await importsBetweenRooms()).filter(({ to }) =>
    to.startsWith("src/") && !to.endsWith("/mod.ts") && !OPEN_FILES.includes(to) &&
    !OPEN_ROOMS.includes(roomOf(to))
  );
  deepStrictEqual(shown(wrong), []);
});

Deno.test("the embedded cluster's parts know nothing of each other and of the rest", async () => {
  const wrong = (await importsBetweenRooms()).filter(({ from, to }) =>
    SUB_ROOMS.includes(roomOf(from)) && !ALLOWED_TO_SUB_ROOMS.includes(roomOf(to)) &&
    !OPEN_FILES.includes(to)
  );
  deepStrictEqual(shown(wrong), []);
});

Deno.test("main.ts enters by the command line alone", async () => {
  const main = (await readSources()).find(({ path }) => path === "main.ts");
  deepStrictEqual(main && importsOf(main), ["src/cli/mod.ts"]);
});
