import config from "../../deno.json" with { type: "json" };

/** The version that `deno.json` states. */
export const VERSION: string = config.version;
/** The bundle has the commit here that it was made of. */
const COMMIT = "@commit@";

/** Version, commit, and what the program runs on. */
export function versionLines(): string[] {
  const { deno, typescript, v8 } = Deno.version;
  return [
    `di-orchestrator ${VERSION}`,
    `commit     ${COMMIT.startsWith("@") ? "from the sources" : COMMIT}`,
    `deno       ${deno} (v8 ${v8})`,
    `typescript ${typescript}`,
  ];
}
