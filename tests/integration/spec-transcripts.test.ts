import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { fileURLToPath } from "node:url"
import { Schema } from "effect"
import { afterAll, beforeAll, describe, expect, it, onTestFinished } from "vitest"
import { HostMessage, WorkerMessage } from "../../src/protocol/worker/Messages.ts"
import {
  ERROR_CODES,
  EXIT_CODES,
  FEATURES,
  MAX_BODY_BYTES,
  MAX_LINE_BYTES,
  PROTOCOL_FD_VARIABLE,
  PROTOCOL_VERSION
} from "../../src/protocol/worker/Wire.ts"
import { guestCommand, type GuestRuntime, guestRuntimes } from "../support/GuestProcess.ts"

/**
 * The transcripts of spec/worker-protocol.md, line for line as they stand there, on the worker that they name. What differs
 * from run to run stands for itself: the folder of the functions is `/srv` there, and every process id 4242.
 */

const text = readFileSync(
  fileURLToPath(new URL("../../spec/worker-protocol.md", import.meta.url)),
  "utf8"
).split("\n")

interface Block {
  readonly info: ReadonlyArray<string>
  /** 1-based, of its first line. */
  readonly line: number
  readonly lines: ReadonlyArray<string>
}

const blocks: ReadonlyArray<Block> = text.flatMap((line, at) => {
  const info = /^```(\w+) (.*)$/.exec(line)
  if (info === null) return []
  const end = text.indexOf("```", at + 1)
  return [
    {
      info: [info[1] as string, ...(info[2] as string).split(" ")],
      line: at + 2,
      lines: text.slice(at + 1, end)
    }
  ]
})
const functions = blocks.filter(({ info }) => info[0] === "js")
const transcripts = blocks.filter(({ info }) => info[0] === "transcript")
const OWN_FOLDER = "/srv"

let folder = ""
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), "bunbase-spec-"))
  for (const { info, lines } of functions)
    writeFileSync(join(folder, info[1] as string), `${lines.join("\n")}\n`)
})
afterAll(() => rmSync(folder, { recursive: true, force: true }))

/** A worker that is started as a stranger's host starts it: a command, pipes, lines. */
const startWorker = (runtime: GuestRuntime, file: string | undefined) => {
  const bundle = file === undefined ? [] : ["--bundle", join(folder, file)]
  const child = Bun.spawn([...guestCommand(runtime), ...bundle], {
    stdio: ["pipe", "pipe", "inherit"],
    cwd: folder,
    env: { PATH: process.env["PATH"] }
  })
  onTestFinished(() => child.kill("SIGKILL"))
  const reader = child.stdout.pipeThrough(new TextDecoderStream()).getReader()
  let read = ""
  return {
    child,
    say: async (line: string): Promise<void> => {
      child.stdin.write(`${line.replaceAll(`${OWN_FOLDER}/`, `${folder}/`)}\n`)
      await child.stdin.flush()
    },
    /** The next line, as the document would have it. */
    hear: async (): Promise<string> => {
      while (!read.includes("\n")) {
        const { done, value } = await reader.read()
        if (done) return `the end, after "${read}"`
        read += value
      }
      const at = read.indexOf("\n")
      const line = read.slice(0, at)
      read = read.slice(at + 1)
      return line.replaceAll(`${folder}/`, `${OWN_FOLDER}/`).replaceAll(/"pid":\d+/g, '"pid":4242')
    }
  }
}

it("has transcripts of both workers, and every function is used in one", () => {
  expect(new Set(transcripts.map(({ info }) => info[1]))).toEqual(new Set(["bun", "quickjs-ng"]))
  const all = transcripts.map(({ info, lines }) => [...info, ...lines].join("\n")).join("\n")
  for (const { info } of functions) expect(all).toContain(info[1])
})

describe.each(guestRuntimes)("spec/worker-protocol.md on %s", (runtime) => {
  const own = transcripts.filter(({ info }) => info[1] === runtime)

  it.each(own.map((block) => [`line ${block.line}`, block] as const))(
    "%s",
    async (_line, { info, lines }) => {
      const worker = startWorker(runtime, info[2])
      const happened: Array<string> = []
      for (const line of lines) {
        if (line.startsWith("← ")) happened.push(`← ${await worker.hear()}`)
        else if (line.startsWith("exit ")) happened.push(`exit ${await worker.child.exited}`)
        else {
          if (line === "close stdin") await worker.child.stdin.end()
          else await worker.say(line.slice("→ ".length))
          happened.push(line)
        }
      }
      expect(happened).toEqual(lines)
    }
  )
})

it.each([
  ["→ ", Schema.is(HostMessage)],
  ["← ", Schema.is(WorkerMessage)]
] as const)("every line of the transcripts with %s is a message by the Schemas", (arrow, isMessage) => {
  const said = transcripts.flatMap((block) => block.lines.filter((line) => line.startsWith(arrow)))
  expect(said.length).toBeGreaterThan(10)
  expect(said.filter((line) => !isMessage(JSON.parse(line.slice(arrow.length))))).toEqual([])
})

describe("spec/worker-protocol.md and the code", () => {
  /** The first cells of the table whose header begins with these words. */
  const firstCells = (header: string): ReadonlyArray<string> => {
    const at = text.findIndex((line) => line.replaceAll(/ +/g, " ").startsWith(header))
    const rows = text.slice(at + 2, text.indexOf("", at))
    return rows.map((row) => (/`([^`]+)`/.exec(row)?.[1] ?? row) as string)
  }

  it("know the same error codes, features and messages", () => {
    expect(firstCells("| code | since").toSorted()).toEqual([...ERROR_CODES].toSorted())
    expect(firstCells("| feature | the worker").toSorted()).toEqual([...FEATURES].toSorted())
    const types = [...HostMessage.members, ...WorkerMessage.members].map(
      ({ fields }) => fields.type.literals[0]
    )
    expect(firstCells("| message | direction").toSorted()).toEqual(types.toSorted())
  })

  it("know the same numbers", () => {
    const whole = text.join("\n")
    for (const number of [MAX_LINE_BYTES, MAX_BODY_BYTES]) {
      expect(whole).toContain(`${number.toLocaleString("en-US")} bytes`)
    }
    for (const code of Object.values(EXIT_CODES))
      expect(whole).toMatch(new RegExp(`(?:exit )?code ${code}\\b`))
    expect(whole).toContain(PROTOCOL_FD_VARIABLE)
    expect(whole).toContain(`"protocol":"${PROTOCOL_VERSION}"`)
  })
})
