/** `$(NAME)` in arguments and variables. */

const REFERENCE = /\$(\$|\(([^()]*)\))/g;

/**
 * Replaces `$(NAME)` by the variable's value. `$$` stands for one `$`, so that `$$(NAME)` stays
 * `$(NAME)`; a reference to an unknown name is left as it is.
 */
export function expandReferences(text: string, variables: ReadonlyMap<string, string>): string {
  return text.replace(
    REFERENCE,
    (whole: string, mark: string, name: string | undefined) =>
      mark === "$" ? "$" : variables.get(name ?? "") ?? whole,
  );
}
