import { spawn } from "node:child_process"
import { once } from "node:events"
import { existsSync } from "node:fs"
import { describe, expect, it } from "vitest"
import { CaseFailure, SetUpFailed } from "./model/Case.ts"
import { type CaseResult, faultsOf, type RunResult } from "./model/Result.ts"
import { type Suite, TargetUnusable } from "./model/Suite.ts"
import { isRunning } from "./ProcessGroups.ts"
import { type Progress, type RunOptions, runSuite, seedOf } from "./Runner.ts"
import { everything, select } from "./Selection.ts"
import { type FakeTarget, fakeCase, fakeSuite, requirement, specification } from "./testing/fakes.ts"

const silent: Progress = { started: () => {}, began: () => {}, ended: () => {}, dropped: () => {} }
const known = specification(
  requirement("WP-001"),
  requirement("WP-002"),
  requirement("WP-003", { feature: "cancel" }),
  requirement("WP-004", { level: "SHOULD", since: "1.1" }),
  requirement("SP-001", { roles: ["server"], area: "socket-protocol" })
)

const run = (suite: Suite<FakeTarget>, more: Partial<RunOptions> = {}): Promise<RunResult> =>
  runSuite(suite, select(suite.cases, known, suite.roles, everything), {
    requirements: known,
    seed: 1,
    jobs: 4,
    timeoutFactor: 1,
    name: null,
    interrupt: new AbortController().signal,
    progress: silent,
    graceMs: 20,
    ...more
  })

const verdictOf = (result: RunResult, id: string): CaseResult["verdict"] | undefined =>
  result.cases.find((one) => one.id === `worker/${id}`)?.verdict

/** A process that ends by SIGKILL alone, with a child that would outlive it. */
const stubborn = async () => {
  const child = spawn("/bin/sh", ["-c", "trap '' TERM INT; sleep 600 & echo $!; wait; wait"], {
    detached: true,
    stdio: ["ignore", "pipe", "ignore"]
  })
  const [line] = (await once(child.stdout, "data")) as [Buffer]
  return { pid: child.pid ?? -1, grandchild: Number(line.toString()) }
}

describe("the runner", () => {
  it("lets those that only wait take nobody's place", async () => {
    const { promise, resolve } = Promise.withResolvers<void>()
    const waiting = { ...fakeCase("a/waits", () => promise), waits: true }
    const result = await run(fakeSuite([waiting, fakeCase("a/works", () => resolve())]), { jobs: 1 })
    expect(verdictOf(result, "a/waits")).toStrictEqual({ _tag: "Passed" })
    expect(verdictOf(result, "a/works")).toStrictEqual({ _tag: "Passed" })
  })

  it("says of each case whether it passed, and what it saw where it did not", async () => {
    const result = await run(
      fakeSuite([
        fakeCase("a/good", (target, { observe, transcript, ranProperties }) => {
          transcript.add("suite", target.greeting)
          ranProperties(100)
          observe("after 7 ms")
        }),
        fakeCase("a/bad", (_, { transcript }) => {
          transcript.add("target", "hi")
          throw new CaseFailure("another greeting", { expected: { say: "hello" }, observed: "hi" })
        }),
        fakeCase("a/broken", () => {
          throw new RangeError("of its own")
        }),
        fakeCase("a/dead", () => {
          throw new TargetUnusable("it died at once", ["exit code 7"])
        })
      ])
    )
    expect(result).toMatchObject({
      target: "fake",
      suite: "worker",
      seed: 1,
      chosen: 4,
      available: 4,
      interrupted: false
    })
    expect(result.cases.map(({ id, observed, propertyRuns }) => [id, propertyRuns, observed])).toEqual([
      ["worker/a/good", 100, ["after 7 ms"]],
      ["worker/a/bad", 0, undefined],
      ["worker/a/broken", 0, undefined],
      ["worker/a/dead", 0, undefined]
    ])
    expect(verdictOf(result, "a/good")).toEqual({ _tag: "Passed" })
    expect(verdictOf(result, "a/bad")).toEqual({
      _tag: "Failed",
      message: "another greeting",
      expected: '{\n  "say": "hello"\n}',
      observed: "hi",
      transcript: [{ at: expect.any(Number), voice: "target", text: "hi" }]
    })
    expect(verdictOf(result, "a/dead")).toMatchObject({ message: "it died at once\nexit code 7" })
    expect(verdictOf(result, "a/broken")).toMatchObject({
      message: expect.stringMatching(/RangeError: of its own\n.*Runner\.test/s)
    })
  })

  it("ends a case that takes too long, with its processes, and goes on", async () => {
    let pids: Array<number> = []
    const result = await run(
      fakeSuite([
        fakeCase(
          "a/hangs",
          async (_, { owns, signal }) => {
            const { pid, grandchild } = await stubborn()
            owns(pid)
            pids = [pid, grandchild]
            await once(signal, "abort")
            throw signal.reason
          },
          { timeoutMs: 400 }
        ),
        fakeCase("a/deaf", () => new Promise<void>(() => {}), { timeoutMs: 30 }),
        fakeCase("a/later")
      ]),
      { jobs: 1 }
    )
    expect(verdictOf(result, "a/hangs")).toMatchObject({
      _tag: "Failed",
      message: "took longer than its 400 ms"
    })
    expect(verdictOf(result, "a/deaf")).toMatchObject({
      message: "took longer than its 30 ms, and did not end when it was told to",
      transcript: [{ voice: "note", text: "took longer than its 30 ms" }]
    })
    expect(verdictOf(result, "a/later")).toEqual({ _tag: "Passed" })
    expect(pids.length).toBe(2)
    expect(pids.filter(isRunning)).toEqual([])
  })

  it("kills what a case leaves behind, and removes its folder, also when it passes", async () => {
    const left: Array<number> = []
    let folder = ""
    const result = await run(
      fakeSuite([
        fakeCase("a/leaves", async (_, context) => {
          const { pid, grandchild } = await stubborn()
          context.owns(pid)
          left.push(pid, grandchild)
          folder = context.folder
          expect(existsSync(folder)).toBe(true)
        })
      ])
    )
    expect(verdictOf(result, "a/leaves")).toEqual({ _tag: "Passed" })
    expect(left.filter(isRunning)).toEqual([])
    expect(existsSync(folder)).toBe(false)
  })

  it("multiplies bounds by the factor", async () => {
    const hangs = fakeCase("a/hangs", (_, { signal }) => once(signal, "abort").then(() => {}), {
      timeoutMs: 20
    })
    expect(verdictOf(await run(fakeSuite([hangs]), { timeoutFactor: 2 }), "a/hangs")).toMatchObject({
      message: "took longer than its 40 ms"
    })
  })

  it("runs as many at a time as it may, and alone what wants to be alone", async () => {
    let now = 0
    let most = 0
    const beside: Array<number> = []
    const bothRun = Promise.withResolvers<void>()
    const busy = async () => {
      now += 1
      most = Math.max(most, now)
      if (now === 2) bothRun.resolve()
      await bothRun.promise
      now -= 1
    }
    const alone = () => void beside.push(now)
    const cases = [
      fakeCase("a/alone-1", alone, { alone: true }),
      ...["b", "c", "d", "e"].map((name) => fakeCase(`a/${name}`, busy)),
      fakeCase("a/alone-2", alone, { alone: true })
    ]
    const result = await run(fakeSuite(cases), { jobs: 2 })
    expect(most).toBe(2)
    expect(beside).toEqual([0, 0])
    expect(result.cases.map(({ id }) => id)).toEqual(cases.map(({ id }) => id))
  })

  it("gives each case its seed, made of the run's and its id", async () => {
    const seeds: Array<number> = []
    const keep = (_: FakeTarget, { seed }: { readonly seed: number }) => void seeds.push(seed)
    const suite = fakeSuite([fakeCase("a/x", keep), fakeCase("a/y", keep)])
    await run(suite, { seed: 7, jobs: 1 })
    await run(suite, { seed: 7, jobs: 1 })
    await run(suite, { seed: 8, jobs: 1 })
    expect(seeds.slice(0, 2)).toEqual(seeds.slice(2, 4))
    expect(new Set(seeds).size).toBe(4)
    expect(seeds[0]).toBe(seedOf(7, "worker/a/x"))
  })

  it("leaves out what is not for the target, with the reason", async () => {
    let ran = 0
    const count = () => void (ran += 1)
    const result = await run(
      fakeSuite(
        [
          fakeCase("a/feature", count, { needs: { features: ["ping"] } }),
          fakeCase("a/javascript", count, { needs: { javascript: true } }),
          fakeCase("a/protocol", count, { needs: { protocol: "1.1" } }),
          fakeCase("a/trait", count, { needs: { traits: ["own"] } }),
          fakeCase("a/requirement", count, { requirements: ["WP-003"] })
        ],
        { facts: { protocol: "1.0", javascript: false, whyNot: { own: "give --cmd instead of --url" } } }
      )
    )
    expect(ran).toBe(0)
    expect(result.cases.map(({ verdict }) => verdict)).toEqual([
      { _tag: "NotApplicable", reason: "the target has no ping" },
      { _tag: "NotApplicable", reason: "needs functions in JavaScript" },
      { _tag: "NotApplicable", reason: "needs protocol 1.1; the target speaks 1.0" },
      { _tag: "NotApplicable", reason: "the target has no own: give --cmd instead of --url" },
      { _tag: "NotApplicable", reason: "the target has no cancel" }
    ])
  })

  it("says of each requirement of its roles what became of it", async () => {
    const statuses = async (cases: Parameters<typeof fakeSuite>[0], protocol: "1.0" | "1.1" = "1.1") => {
      const { requirements } = await run(fakeSuite(cases, { facts: { protocol } }))
      return requirements.map(({ id, reason, status }) => [
        id,
        status,
        ...(reason === undefined ? [] : [reason])
      ])
    }
    const fail = (requirements?: ReadonlyArray<string>) => () => {
      throw new CaseFailure("no", requirements === undefined ? {} : { requirements })
    }
    expect(await statuses([fakeCase("a/x"), fakeCase("a/y", fail())])).toEqual([
      ["WP-001", "failed"],
      ["WP-002", "untested", "no case checks it"],
      ["WP-003", "not-applicable", "the target has no cancel"],
      ["WP-004", "untested", "no case checks it"]
    ])
    expect(
      await statuses(
        [
          fakeCase("a/x", fail(["WP-002"])),
          fakeCase("a/y", () => {}, { requirements: ["WP-004"], needs: { traits: ["own"] } })
        ],
        "1.1"
      )
    ).toEqual([
      ["WP-001", "untested", "its case failed for another requirement"],
      ["WP-002", "failed"],
      ["WP-003", "not-applicable", "the target has no cancel"],
      ["WP-004", "untested", "no case of it is for this target: the target has no own"]
    ])
    expect((await statuses([fakeCase("a/x")], "1.0")).at(-1)).toEqual([
      "WP-004",
      "not-applicable",
      "it came with 1.1; the target speaks 1.0"
    ])
  })

  it("says of a requirement that binds, and whose cases are not for the target, that it is untested", async () => {
    const cases = [
      fakeCase("a/x", () => {}, { needs: { features: ["ping"] } }),
      fakeCase("a/y", () => {}, { needs: { javascript: true } }),
      fakeCase("a/z", () => {}, { requirements: ["WP-002"], needs: { traits: ["own"] } })
    ]
    const facts = { javascript: false, whyNot: { own: "give --cmd" } }
    const result = await run(fakeSuite(cases, { facts }))
    expect(result.requirements.slice(0, 2)).toMatchObject([
      {
        status: "untested",
        reason: "no case of it is for this target: the target has no ping; needs functions in JavaScript"
      },
      // what another command line would give
      { status: "unchecked", reason: "the target has no own: give --cmd" }
    ])
    expect(faultsOf(result)).toEqual([
      "untested MUST: WP-001",
      "1 MUST was not checked here (--partial where that is meant)"
    ])
    const partial = await run(fakeSuite(cases, { facts }), { partial: true })
    expect(faultsOf(partial)).toEqual(["untested MUST: WP-001"])
  })

  it("tells failed expectations from what came over a case", async () => {
    const result = await run(
      fakeSuite([
        fakeCase("a/expects", () => {
          throw new CaseFailure("no")
        }),
        fakeCase("a/throws", () => {
          throw new RangeError("of its own")
        }),
        fakeCase("a/refused", () => {
          throw new SetUpFailed("the registration was refused", "400")
        }),
        fakeCase("a/dead", () => {
          throw new TargetUnusable("it died at once")
        }),
        fakeCase("a/hangs", () => new Promise<void>(() => {}), { timeoutMs: 20 })
      ])
    )
    const causes = result.cases.map(({ verdict }) => (verdict._tag === "Failed" ? verdict.cause : "none"))
    expect(causes).toEqual([undefined, "error", "set-up", "error", "time"])
    const message = "set-up failed: the registration was refused"
    expect(result.cases[2]?.verdict).toMatchObject({ message, observed: "400" })
  })

  it("reports what there is when it is interrupted, and ends what runs", async () => {
    const interrupt = new AbortController()
    const dropped: Array<string> = []
    let stopped = false
    let pid = -1
    const result = await run(
      fakeSuite(
        [
          fakeCase("a/first"),
          fakeCase("a/second", async (_, { owns, signal }) => {
            pid = (await stubborn()).pid
            owns(pid)
            interrupt.abort()
            await once(signal, "abort", { signal: AbortSignal.timeout(1) }).catch(() => {})
          }),
          fakeCase("a/third"),
          fakeCase("a/fourth", () => {}, { alone: true })
        ],
        {
          stop: () => {
            stopped = true
            return Promise.resolve()
          }
        }
      ),
      {
        jobs: 1,
        interrupt: interrupt.signal,
        progress: { ...silent, dropped: (id) => void dropped.push(id) }
      }
    )
    expect(result).toMatchObject({ interrupted: true, chosen: 4 })
    expect(result.cases.map(({ id }) => id)).toEqual(["worker/a/first"])
    expect(dropped).toEqual(["worker/a/second"])
    expect(stopped).toBe(true)
    expect(isRunning(pid)).toBe(false)
  })

  it("rejects where the target does not start, and leaves none of its processes", async () => {
    let pid = -1
    const dies = fakeSuite([fakeCase("a/x")], {
      start: async ({ owns }) => {
        pid = (await stubborn()).pid
        owns(pid)
        throw new TargetUnusable("it died at once", ["exit code 7"])
      }
    })
    await expect(run(dies)).rejects.toMatchObject({ name: "TargetUnusable", details: ["exit code 7"] })
    expect(isRunning(pid)).toBe(false)

    const hangs = fakeSuite([fakeCase("a/x")], { start: () => new Promise(() => {}) })
    await expect(run(hangs, { timeoutFactor: 0.001 })).rejects.toThrow(
      "the target did not start within 30 ms"
    )
  })

  it("says what became of a target that ends by itself, and begins no further case", async () => {
    let lose: (words: string) => void = () => {}
    const lost = new Promise<string>((resolve) => (lose = resolve))
    const kills = fakeCase("a/kills", async () => {
      lose("the server ended by SIGKILL")
      await lost
      throw new CaseFailure("nobody answers")
    })
    const suite = fakeSuite([kills, fakeCase("b/next"), fakeCase("c/alone", () => {}, { alone: true })])
    const start: typeof suite.start = async (context) => ({ ...(await suite.start(context)), lost })
    const result = await run({ ...suite, start }, { jobs: 1 })
    expect(result.cases.map(({ id, verdict }) => [id, verdict._tag])).toEqual([["worker/a/kills", "Failed"]])
    expect(result.problems).toEqual(["the server ended by SIGKILL; cases that were not run: 2"])
    expect(faultsOf(result)).toContain("the server ended by SIGKILL; cases that were not run: 2")
  })

  it("counts a target that cannot be ended as a problem", async () => {
    const suite = fakeSuite([fakeCase("a/x")], { stop: () => new Promise(() => {}) })
    const late = await run(suite, { timeoutFactor: 0.01 })
    expect(late.problems).toEqual([
      "the end of the target failed: the target did not end within 150 ms, and was killed"
    ])
    expect(late.cases).toHaveLength(1)
  })

  it("keeps only the ends of transcripts where many cases fail at length", async () => {
    const fails = (
      _: FakeTarget,
      { transcript }: { readonly transcript: { add: (voice: "note", text: string) => void } }
    ) => {
      for (let i = 0; i < 390; i++) transcript.add("note", "x".repeat(1_990))
      throw new CaseFailure("no")
    }
    const result = await run(fakeSuite(Array.from({ length: 20 }, (_, i) => fakeCase(`a/n${i}`, fails))))
    const lengths = result.cases.map(({ verdict }) =>
      "transcript" in verdict ? verdict.transcript.length : 0
    )
    expect(lengths[0]).toBe(390)
    expect(lengths.at(-1)).toBe(31)
    expect(JSON.stringify(result).length).toBeLessThan(10_000_000)
  })
})
