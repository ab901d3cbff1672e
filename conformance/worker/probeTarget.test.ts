import { fileURLToPath } from "node:url"
import { describe, expect, it } from "vitest"
import type { Requirement } from "../model/Requirement.ts"
import { TargetUnusable } from "../model/Suite.ts"
import { hasLivingMembers } from "../ProcessGroups.ts"
import { probeTarget } from "./probeTarget.ts"
import { bench, functions, scriptedCommand, targetOf } from "./testing/bench.ts"

const options = {
  runtime: "other" as const,
  javascript: false,
  functions,
  extension: "js",
  protocol: "1.1" as const,
  features: null,
  requirements: new Map<string, Requirement>(),
  caseFiles: [],
  propertyRuns: null,
  timeoutFactor: 1
}

const probe = async (cmd: string, more: Partial<typeof options> & object = {}, patienceMs?: number) => {
  const { context, owned, started } = bench()
  try {
    return await probeTarget(targetOf(cmd, patienceMs), { ...options, ...more, cmd }, context)
  } finally {
    expect(owned).toEqual(new Set())
    expect(started).toHaveLength(1)
    expect(started.filter(hasLivingMembers)).toEqual([])
  }
}

const refusal = async (...args: Parameters<typeof probe>): Promise<TargetUnusable> => {
  const error: unknown = await probe(...args).then(
    () => null,
    (thrown: unknown) => thrown
  )
  expect(error).toBeInstanceOf(TargetUnusable)
  return error as TargetUnusable
}

const saying = (...lines: ReadonlyArray<unknown>): string =>
  `sh -c 'printf "%s\\n" "$@"; cat >/dev/null' saying ${lines.map((line) => `'${typeof line === "string" ? line : JSON.stringify(line)}'`).join(" ")} #`

describe("a target that works", () => {
  it("is known by what it announces", async () => {
    const ready = { protocol: "1.1", runtime: "x", runtime_version: "7", features: ["ping", "cancel"] }
    expect(await probe(scriptedCommand(ready))).toEqual({
      facts: {
        roles: ["worker"],
        protocol: "1.1",
        javascript: false,
        features: ["ping", "cancel"],
        traits: []
      },
      about: ready
    })
  })

  it("is of version 1.0, without features, where it does not say, or the user does", async () => {
    const old = { facts: { protocol: "1.0", features: [] } }
    expect(await probe(scriptedCommand({}))).toMatchObject(old)
    expect(await probe(scriptedCommand(), { protocol: "1.0" as "1.1" })).toMatchObject(old)
  })

  it("of a later version 1.x is held to what is known", async () => {
    expect(await probe(scriptedCommand({ protocol: "1.7" }))).toMatchObject({ facts: { protocol: "1.1" } })
  })

  it("is held to what is about JavaScript where the user says so", async () => {
    expect(await probe(scriptedCommand(), { javascript: true })).toMatchObject({
      facts: { javascript: true, traits: [] }
    })
  })

  it("may break rules: it can be tested, and its cases turn red", async () => {
    const broken = fileURLToPath(new URL("../broken/workers/main.ts", import.meta.url))
    const flaws = "ready-with-an-id ready-again answers-twice logs-under-a-foreign-id no-pong"
    const { facts } = await probe(`${process.execPath} ${broken} ${flaws}`)
    expect(facts.protocol).toBe("1.1")
  })

  it("has relative paths begin where its command goes", async () => {
    const { context } = bench()
    const cmd = `cd / && A=1 ${scriptedCommand()}`
    const target = targetOf(cmd)
    await probeTarget(target, { ...options, cmd }, context)
    expect(target.folder).toBe("/")
  })

  it("may say things while it loads", async () => {
    const log = { id: "", type: "log", payload: { level: "info", message: "at load" } }
    const command = `sh -c 'echo "$0"; exec "$@"' '${JSON.stringify(log)}' ${scriptedCommand()}`
    expect(await probe(command)).toMatchObject({ facts: { features: ["ping"] } })
  })
})

describe("a target that", () => {
  it("does not start is told, with what the shell said", async () => {
    const { message, details } = await refusal("/nowhere/worker")
    expect(message).toBe("the worker ended with code 127 before ready came")
    expect(details.join("\n")).toContain("/nowhere/worker")
  })

  it("dies at once is told, with the end of its stderr", async () => {
    expect(await refusal("sh -c 'echo no licence >&2; exit 3' #")).toMatchObject({
      message: "the worker ended with code 3 before ready came",
      details: ["no licence"]
    })
    expect((await refusal("sh -c 'kill -KILL $$'")).message).toContain("by SIGKILL")
  })

  it("hangs is told, and ended", async () => {
    expect((await refusal("sh -c 'sleep 1000 & sleep 1000' #", {}, 100)).message).toBe(
      "the worker hangs: it has not said ready within 100 ms"
    )
  })

  it("never ends its stream of lines is told, and ended", async () => {
    const log = JSON.stringify({ id: "", type: "log", payload: { level: "info", message: "m" } })
    expect((await refusal(`yes '${log}' #`)).message).toContain(
      "floods its output: it has said more than 200000 lines"
    )
    expect((await refusal("cat /dev/zero #")).message).toContain(
      "floods its output: it has said a line of more"
    )
    expect((await refusal("sh -c 'yes complaint >&2' #")).message).toContain(
      "floods its output: it has printed more than 67108864 bytes on its stderr"
    )
  })

  it("speaks another protocol is told, with what it said", async () => {
    expect((await refusal(saying("HTTP server on port 8080"))).message).toBe(
      "it speaks another protocol: a line is not JSON: HTTP server on port 8080"
    )
    expect((await refusal(saying({ jsonrpc: "2.0", method: "initialize" }))).message).toContain(
      "it speaks another protocol: a message's id is not a string"
    )
    expect((await refusal(saying({ id: "", type: "pong", payload: {} }))).message).toContain(
      "another protocol"
    )
    expect((await refusal(saying({ id: "", type: "ready", payload: { protocol: "2.0" } }))).message).toBe(
      'it speaks another protocol: version "2.0"; this suite knows 1.0 and 1.1'
    )
  })

  it("cannot load the simplest function is told, with its words", async () => {
    const payload = { message: "no such language", code: "BUNDLE_LOAD_ERROR" }
    expect((await refusal(saying({ id: "", type: "error", payload }))).message).toBe(
      "the worker cannot load the function hello: no such language"
    )
  })

  it("is ready and answers nothing is told", async () => {
    const ready = { id: "", type: "ready", payload: {} }
    expect((await refusal(saying(ready), {}, 300)).message).toContain("did not come within 300 ms")
  })

  it("lacks what the user asks for is told", async () => {
    const features = ["ping", "load", "call"] as unknown as null
    expect((await refusal(scriptedCommand(), { features })).message).toBe(
      "it does not announce load, call, which --features asks for"
    )
  })

  it("has no function files is told", async () => {
    const { context } = bench()
    const target = targetOf(scriptedCommand())
    Object.assign(target, {
      pathOf: () => {
        throw new Error("there is no function file /x/hello.py")
      }
    })
    await expect(probeTarget(target, { ...options, cmd: "x" }, context)).rejects.toThrow(
      "the worker cannot be started: there is no function file /x/hello.py"
    )
  })
})
