import { deepStrictEqual, rejects, strictEqual } from "node:assert/strict";
import { aContainer } from "../../../tests/support/builders.ts";
import { ContainerRefusal } from "./refusal.ts";
import { withSubPaths } from "./sub_paths.ts";

type Mount = NonNullable<ReturnType<typeof aContainer>["volumeMounts"]>[number];

/** The mount as it comes back, with a volume `v` in a folder of its own. */
async function mounted(mount: Partial<Mount>, look: (folder: string) => void = () => {}) {
  const folder = await Deno.makeTempDir();
  try {
    const container = aContainer({ volumeMounts: [{ name: "v", mountPath: "/v", ...mount }] });
    const variables = new Map([["POD", "pong"]]);
    const { volumeMounts } = await withSubPaths(container, new Map([["v", folder]]), variables);
    look(folder);
    return volumeMounts?.[0];
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

Deno.test.each([
  { what: "nothing", mount: {}, subPath: undefined },
  { what: "a folder", mount: { subPath: "a/b" }, subPath: "a/b" },
  { what: "a folder by variable", mount: { subPathExpr: "logs/$(POD)" }, subPath: "logs/pong" },
])("withSubPaths() makes $what", async ({ mount, subPath }) => {
  const expected = { name: "v", mountPath: "/v", ...(subPath !== undefined && { subPath }) };
  const found = await mounted(mount, (folder) => {
    strictEqual(Deno.statSync(`${folder}/${subPath ?? ""}`).isDirectory, true);
  });
  deepStrictEqual(found, expected);
});

Deno.test("withSubPaths() refuses to leave the volume", async () => {
  await rejects(
    mounted({ subPathExpr: "../$(POD)" }),
    new ContainerRefusal(
      "CreateContainerConfigError",
      'failed to prepare subPath for volumeMount "v": "../pong" leads out of the volume',
    ),
  );
});
