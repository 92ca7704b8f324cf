import { defineConfig } from "vitest/config";

export default defineConfig({
  oxc: { target: "es2022" },
  test: {
    include: ["test/interop/**/*.test.ts"],
    globalSetup: ["test/support/temporary-folder.ts"],
    testTimeout: 120_000,
    hookTimeout: 300_000,
    fileParallelism: false,
  },
});
