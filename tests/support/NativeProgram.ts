import { existsSync, readFileSync } from "node:fs"
import { fileURLToPath } from "node:url"

/** The native worker's program, as the set-up builds it; another build of it, where QUICKJS_WORKER names one. */
export const nativeProgram =
  process.env["QUICKJS_WORKER"] ??
  fileURLToPath(new URL("../../native/quickjs-ng/build/release/bunbase-quickjs", import.meta.url))

const unavailable = fileURLToPath(new URL("../../native/quickjs-ng/build/unavailable.json", import.meta.url))

/** Why there is no such program, and what to do about it; null where it is there. */
export const missingCause = (program = nativeProgram, causeFile = unavailable): string | null => {
  if (existsSync(program)) return null
  const what = `there is no worker of quickjs-ng (${program})`
  if (!existsSync(causeFile)) return `${what}: \`node scripts/native.mjs\` builds it`
  const { reason, what_to_do } = JSON.parse(readFileSync(causeFile, "utf8")) as {
    readonly reason: string
    readonly what_to_do: ReadonlyArray<string>
  }
  return [`${what}: ${reason}`, ...what_to_do].join("\n  ")
}

/** Throws the cause where there is no such program: a test that needs it fails by that, and by nothing else. */
export const needNativeProgram = (...where: Parameters<typeof missingCause>): void => {
  const cause = missingCause(...where)
  if (cause !== null) throw new Error(cause)
}

/**
 * Whether a table of cases is to be run on quickjs-ng. Elsewhere than in CI, a machine that could not build the worker does
 * without, and is told so; in CI its cases are run, and fail with the cause.
 */
export const runsNative = (ci: boolean, ...where: Parameters<typeof missingCause>): boolean => {
  const cause = missingCause(...where)
  if (cause === null || ci) return true
  console.warn(`The cases on quickjs-ng are not run: ${cause}`)
  return false
}

/** As `scripts/test.mjs` has it: set by every CI service; "false" and "0" are ways to say no. */
export const isCi = (env: Readonly<Record<string, string | undefined>> = process.env): boolean =>
  !["", "0", "false"].includes(env["CI"] ?? "")
