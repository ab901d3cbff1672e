import { Effect } from "effect"
import { readFile, stat } from "node:fs/promises"
import { findJsonFault } from "./JsonFault.ts"

const mostBytes = 1024 * 1024

/** The file's keys and values, or a sentence that says why there are none. */
export const readConfigFile = (path: string): Effect.Effect<Readonly<Record<string, unknown>>, string> =>
  readText(path).pipe(
    Effect.flatMap((text) =>
      Effect.try({
        try: (): unknown => JSON.parse(text),
        catch: () => {
          const fault = findJsonFault(text)
          return fault === null
            ? "this is not JSON"
            : `this is not JSON: line ${fault.line}, column ${fault.column}: ${fault.reason}`
        }
      })
    ),
    Effect.flatMap((value) =>
      isRecord(value)
        ? Effect.succeed(value)
        : Effect.fail('the file must hold one JSON object, such as {"http_port": 8080}')
    )
  )

const isRecord = (value: unknown): value is Record<string, unknown> =>
  typeof value === "object" && value !== null && !Array.isArray(value)

const readText = (path: string): Effect.Effect<string, string> =>
  Effect.tryPromise({
    try: async () => {
      const facts = await stat(path)
      if (facts.isDirectory()) return { problem: "this is a folder; name a JSON file" }
      if (!facts.isFile()) return { problem: "this is not a regular file" }
      if (facts.size > mostBytes) return { problem: `the file is larger than ${mostBytes} bytes` }
      // An editor's byte order mark is no fault of the reader.
      return { text: (await readFile(path, "utf8")).replace(/^\uFEFF/, "") }
    },
    catch: (cause) => {
      const code = cause instanceof Error && "code" in cause ? cause.code : undefined
      if (code === "ENOENT" || code === "ENOTDIR") return "there is no such file"
      if (code === "EACCES" || code === "EPERM") return "the file cannot be read: permission denied"
      return `the file cannot be read: ${String(code ?? cause)}`
    }
  }).pipe(
    Effect.flatMap((read) =>
      read.text === undefined ? Effect.fail(read.problem) : Effect.succeed(read.text)
    )
  )
