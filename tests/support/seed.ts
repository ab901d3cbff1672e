/**
 * Runs before every test file: all property tests of a run draw from one seed, `FC_SEED`, so that a failure can be
 * repeated. The seed is chosen and printed once, at the start of the run (scripts/test.mjs, vitest.config.ts).
 */
import { FastCheck } from "effect"
import fc from "fast-check"

const text = process.env["FC_SEED"]
const seed = Number(text)
if (text === undefined || !Number.isSafeInteger(seed)) {
  throw new Error(`FC_SEED must be a whole number, not "${text}"`)
}

// Effect brings a fast-check of its own, which `it.effect.prop` and Schema's arbitraries use
fc.configureGlobal({ ...fc.readConfigureGlobal(), seed })
FastCheck.configureGlobal({ ...FastCheck.readConfigureGlobal(), seed })
