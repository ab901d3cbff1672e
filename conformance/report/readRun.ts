import { Either, Schema } from "effect"
import { readFile } from "node:fs/promises"
import { decodeValue } from "../data/schemaMistakes.ts"
import type { RunResult } from "../model/Result.ts"

const optional = <A, I>(schema: Schema.Schema<A, I>) => Schema.optionalWith(schema, { exact: true })

const Line = Schema.Struct({
  at: Schema.Number,
  voice: Schema.Literal("suite", "target", "note"),
  text: Schema.String
})
const Verdict = Schema.Union(
  Schema.Struct({ _tag: Schema.Literal("Passed") }),
  Schema.Struct({ _tag: Schema.Literal("NotApplicable"), reason: Schema.String }),
  Schema.Struct({
    _tag: Schema.Literal("Failed"),
    message: Schema.String,
    expected: optional(Schema.String),
    observed: optional(Schema.String),
    requirements: optional(Schema.Array(Schema.String)),
    cause: optional(Schema.Literal("time", "set-up", "error")),
    transcript: Schema.Array(Line)
  })
)
const Run = Schema.Struct({
  format: Schema.Literal(1),
  suite: Schema.Literal("worker", "server", "faults"),
  target: Schema.String,
  command: Schema.String,
  startedAt: Schema.String,
  durationMs: Schema.Number,
  seed: Schema.Number,
  about: Schema.Record({ key: Schema.String, value: Schema.Unknown }),
  chosen: Schema.Number,
  available: Schema.Number,
  partial: optional(Schema.Boolean),
  interrupted: Schema.Boolean,
  problems: Schema.Array(Schema.String),
  cases: Schema.Array(
    Schema.Struct({
      id: Schema.String,
      title: Schema.String,
      requirements: Schema.Array(Schema.String),
      source: Schema.String,
      verdict: Verdict,
      durationMs: Schema.Number,
      propertyRuns: Schema.Number,
      observed: optional(Schema.Array(Schema.String))
    })
  ),
  requirements: Schema.Array(
    Schema.Struct({
      id: Schema.String,
      title: Schema.String,
      level: Schema.Literal("MUST", "SHOULD", "MAY"),
      text: Schema.String,
      area: Schema.String,
      file: Schema.String,
      line: Schema.Number,
      status: Schema.Literal("passed", "failed", "untested", "unchecked", "not-applicable"),
      reason: optional(Schema.String),
      cases: Schema.Array(Schema.String)
    })
  )
})

/** A file is no result of a run: exit code 2. */
export class NoRunResult extends Error {
  override readonly name = "NoRunResult"
}

/** Reads what `--json` wrote. */
export const readRun = async (path: string): Promise<RunResult> => {
  const text = await readFile(path, "utf8").catch((error: unknown) => {
    const isMissing = error instanceof Error && "code" in error && error.code === "ENOENT"
    throw new NoRunResult(`${path}: ${isMissing ? "there is no such file" : messageOf(error)}`)
  })
  let value: unknown
  try {
    value = JSON.parse(text)
  } catch (error) {
    throw noResult(path, messageOf(error))
  }
  const decoded = decodeValue(Run, value)
  if (Either.isRight(decoded)) return decoded.right
  const [first] = decoded.left
  throw noResult(path, `${first === undefined ? "" : `${first.path.join(".")}: `}${first?.message}`)
}

const noResult = (path: string, why: string): NoRunResult =>
  new NoRunResult(`${path} is no result of a run (${why}); give files that --json wrote`)

const messageOf = (error: unknown): string => (error instanceof Error ? error.message : String(error))
