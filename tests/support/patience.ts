/**
 * How much longer than usual a worker may take that is built to collect garbage before each allocation
 * (`make gc-stress`, named by QUICKJS_WORKER); 1 for every other build.
 */
const GC_STRESS_FACTOR = 20

/** By what tests multiply the bounds of what only has to end some day: deadlines that nothing is told by, time-outs. */
export const patience = (env: Readonly<Record<string, string | undefined>> = process.env): number =>
  env["QUICKJS_WORKER"]?.includes("/gc-stress/") === true ? GC_STRESS_FACTOR : 1

/** What a sanitizer keeps beside a worker's own memory (shadow, quarantine): by what bounds of resident memory are multiplied. */
const SANITIZER_FACTOR = 3

/** By what tests multiply bounds of a worker's resident memory; 1 for every build without a sanitizer. */
export const residentFactor = (env: Readonly<Record<string, string | undefined>> = process.env): number =>
  env["QUICKJS_WORKER"]?.includes("/asan/") === true ? SANITIZER_FACTOR : 1
