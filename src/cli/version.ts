/** The version of the package; a test keeps it equal to `package.json`, which is not read at start-up. */
export const version = "0.1.0";
