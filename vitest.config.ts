import { defineConfig } from "vitest/config";

const slow = ["test/e2e/**", "test/escape/**", "test/conformance/**", "test/native/**", "test/mutation/**"];

export default defineConfig({
  test: {
    // Even of two processors: programs that start, and wait for each other, leave half of the time to others.
    maxWorkers: 2,
    testTimeout: 30_000,
    hookTimeout: 60_000,
    projects: [
      { extends: true, test: { name: "fast", include: ["test/**/*.test.ts"], exclude: slow } },
      {
        extends: true,
        test: {
          name: "full",
          // Whole programs, on machines that do other work as well.
          testTimeout: 120_000,
          include: slow.map((folder) => folder.replace("**", "**/*.test.ts")),
          globalSetup: ["test/stage/install.ts"],
        },
      },
    ],
  },
});
