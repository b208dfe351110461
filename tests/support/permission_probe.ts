// deno-lint-ignore-file no-console
/** Gives up permissions as `operator` does; prints what is left. Arguments: what is read later, another file, what is granted. */
import { dropPermissions } from "../../src/cli/process.ts";

const [kept = "", other = "", ...granted] = Deno.args;
await dropPermissions(kept === "" ? undefined : kept, granted);
const canRead = (path: string) => {
  try {
    Deno.readTextFileSync(path);
    return true;
  } catch {
    return false;
  }
};
const states = await Promise.all(
  (["run", "write", "ffi", "sys"] as const).map((name) => Deno.permissions.query({ name })),
);
console.log(JSON.stringify({
  kept: canRead(kept),
  other: canRead(other),
  granted: states.filter(({ state }) => state === "granted").length,
}));
