/**
 * Where the embedded API server is known to differ from a real one, and why that is accepted. The key is
 * the area and the expectation; the suite leaves these out on the embedded server, and only there.
 */
export const DIFFERENCES: Readonly<Record<string, string>> = {
  "create: refuses a field that is there twice with fieldValidation=Strict":
    "the platform's JSON parser keeps the last of the two and tells nobody",
  "update: refuses a resourceVersion that is no number":
    "it is a conflict like any other version that is not the object's; the real server says 500",
  "watch: refuses a version that is no number":
    "refused with 400, since the mistake is the caller's; the real server says 500",
};
