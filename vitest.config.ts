import { defineConfig } from "vitest/config";

export default defineConfig({
  oxc: { target: "es2022" },
  test: {
    include: ["src/**/*.test.ts", "test/**/*.test.ts"],
    exclude: ["test/interop/**", "node_modules/**", "dist/**"],
    globalSetup: ["test/support/temporary-folder.ts"],
    execArgv: ["--disable-proto=throw"],
    testTimeout: 20_000,
  },
});
