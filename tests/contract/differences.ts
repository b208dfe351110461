/**
 * Where the embedded API server is known to differ from a real one, and why that is accepted. The key is
 * the area and the expectation; the suite leaves these out on the embedded server, and only there.
 */
export const DIFFERENCES: Readonly<Record<string, string>> = {};
