import { deepStrictEqual } from "node:assert/strict";
import { fileURLToPath } from "node:url";

const PROBE = fileURLToPath(new URL("../../tests/support/permission_probe.ts", import.meta.url));

/** What is left to a process with these permissions once it has given up what it does not need. */
async function leftOf(
  permissions: readonly string[],
  readLater: string,
  other: string,
  granted = readLater,
) {
  const { stdout, stderr } = await new Deno.Command(Deno.execPath(), {
    args: ["run", "--no-prompt", "--quiet", ...permissions, PROBE, readLater, other, granted],
  }).output();
  const text = new TextDecoder().decode(stdout);
  return text === "" ? new TextDecoder().decode(stderr) : JSON.parse(text);
}

Deno.test("dropPermissions() leaves reading what is read later, where that was granted beside all", async () => {
  const folder = await Deno.makeTempDir();
  const [kept, other] = [`${folder}/token`, `${folder}/other`];
  try {
    await Promise.all([kept, other].map((path) => Deno.writeTextFile(path, "x")));
    const executable = ["--allow-run", "--allow-write", "--allow-sys", `--allow-read=/,${kept}`];
    deepStrictEqual(await leftOf(executable, kept, other), {
      kept: true,
      other: false,
      granted: 0,
    });
    // What is below a granted folder is granted.
    const inFolder = ["--allow-run", "--allow-write", "--allow-sys", `--allow-read=/,${folder}`];
    deepStrictEqual(await leftOf(inFolder, kept, other, folder), {
      kept: true,
      other: true,
      granted: 0,
    });
    // A token or a certificate elsewhere must still be found when it is renewed.
    deepStrictEqual(await leftOf(executable, other, kept, kept), {
      kept: true,
      other: true,
      granted: 0,
    });
    // Nothing is read later: nothing is left.
    deepStrictEqual(await leftOf(["-A"], "", other), { kept: false, other: false, granted: 0 });
    // All at once cannot be narrowed, and the token is still needed.
    deepStrictEqual(await leftOf(["-A"], kept, other), { kept: true, other: true, granted: 0 });
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
});
