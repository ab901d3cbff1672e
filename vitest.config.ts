import { defineConfig } from "vitest/config"
import { patience } from "./tests/support/patience.ts"

/**
 * One project per suite; `scripts/test.mjs` runs them one after another. All but the first start real servers and workers:
 * they get more time. Those that put faults in have the machine to themselves, one file at a time.
 */
const suite = (name: string, include: ReadonlyArray<string>, testTimeoutMs: number) => ({
  extends: true as const,
  test: {
    name,
    include: [...include],
    testTimeout: testTimeoutMs,
    hookTimeout: testTimeoutMs
  }
})

// One seed for the whole run (tests/support/seed.ts applies it), also when vitest is started without scripts/test.mjs.
process.env["FC_SEED"] ??= String(Math.floor(Math.random() * 2_147_483_647))
if (process.env["FC_SEED_PRINTED"] === undefined) {
  process.env["FC_SEED_PRINTED"] = "yes"
  console.log(`property tests: FC_SEED=${process.env["FC_SEED"]}`)
}

export default defineConfig({
  test: {
    setupFiles: ["tests/support/seed.ts"],
    env: { FC_SEED: process.env["FC_SEED"] },
    // a test that leaves something behind must not colour the next file
    isolate: true,
    // tests that only wait may do so side by side
    maxConcurrency: 16,
    restoreMocks: true,
    unstubEnvs: true,
    projects: [
      suite(
        "unit",
        [
          "src/**/*.test.ts",
          "scripts/**/*.test.ts",
          "tests/support/**/*.test.ts",
          "tests/benchmarks/**/*.test.ts"
        ],
        10_000
      ),
      suite("integration", ["tests/integration/**/*.test.ts"], 60_000 * patience()),
      suite("failure", ["tests/failure/**/*.test.ts"], 120_000),
      suite("concurrency", ["tests/concurrency/**/*.test.ts"], 120_000),
      suite("conformance", ["conformance/**/*.test.ts"], 120_000)
    ]
  }
})
