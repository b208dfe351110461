/** The project's pages: their blocks of code, links and headings. */

const ROOT = new URL("../../", import.meta.url);

export interface Block {
  /** `yaml`, `bash` and so on; "" where the page does not say. */
  readonly language: string;
  readonly text: string;
  /** Where the block begins, 1 for the page's first line. */
  readonly line: number;
}

export interface Page {
  /** From the project's top. */
  readonly path: string;
  readonly text: string;
  readonly blocks: readonly Block[];
  /** The text without its blocks. */
  readonly prose: string;
  /** What a link may have after `#`. */
  readonly anchors: ReadonlySet<string>;
}

/** All pages: those at the top, and those of `docs/`. */
export async function readPages(): Promise<Page[]> {
  const paths = await Array.fromAsync(pagesIn(""));
  return await Promise.all([...paths, ...await Array.fromAsync(pagesIn("docs/"))].map(readPage));
}

/** @throws {Deno.errors.NotFound} If there is no such page. */
export async function readPage(path: string): Promise<Page> {
  return parsePage(path, await Deno.readTextFile(new URL(path, ROOT)));
}

async function* pagesIn(folder: string): AsyncGenerator<string> {
  for await (const { name, isDirectory } of Deno.readDir(new URL(`./${folder}`, ROOT))) {
    if (isDirectory && folder !== "") yield* pagesIn(`${folder}${name}/`);
    else if (name.endsWith(".md")) yield folder + name;
  }
}

/** The text of a page, taken apart. */
export function parsePage(path: string, text: string): Page {
  const blocks: Block[] = [];
  const prose: string[] = [];
  let open: { language: string; line: number; lines: string[] } | undefined;
  for (const [index, line] of text.split("\n").entries()) {
    const fence = /^ *```(\w*)/.exec(line);
    if (fence === null) (open?.lines ?? prose).push(line);
    else if (open === undefined) open = { language: fence[1] ?? "", line: index + 1, lines: [] };
    else {
      blocks.push({ language: open.language, line: open.line, text: open.lines.join("\n") });
      open = undefined;
    }
  }
  const headings = prose.filter((line) => /^#+ /.test(line));
  return { path, text, blocks, prose: prose.join("\n"), anchors: anchorsOf(headings) };
}

/** A section of the second level. @throws {Error} If the page has none of that name. */
export function sectionOf({ path, text }: Page, heading: string): Page {
  const part = text.split(/^(?=## )/m).find((each) => each.startsWith(`## ${heading}\n`));
  if (part === undefined) throw new Error(`${path} has no section "${heading}"`);
  return parsePage(path, part);
}

/** As GitHub makes them: lower case, blanks as dashes, a number behind those that come again. */
function anchorsOf(headings: readonly string[]): Set<string> {
  const anchors = new Set<string>();
  for (const heading of headings) {
    const words = heading.replace(/^#+ /, "").replace(/\[([^\]]*)\]\([^)]*\)/g, "$1");
    const anchor = words.trim().toLowerCase().replace(/[^\p{L}\p{N} _-]/gu, "").replaceAll(
      " ",
      "-",
    );
    let name = anchor;
    for (let count = 1; anchors.has(name); count++) name = `${anchor}-${count}`;
    anchors.add(name);
  }
  return anchors;
}
