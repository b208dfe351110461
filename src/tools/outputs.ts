/** Path from the project's top → the text of a generated file. */
export type Outputs = Readonly<Record<string, string>>;
