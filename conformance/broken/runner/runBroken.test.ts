import { once } from "node:events"
import { mkdtemp, rm, writeFile } from "node:fs/promises"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { describe, expect, it } from "vitest"
import { main } from "../../main.ts"
import { type Case, CaseFailure, SetUpFailed } from "../../model/Case.ts"
import type { WorkerOptions } from "../../model/Options.ts"
import { TargetUnusable } from "../../model/Suite.ts"
import { anySuite } from "../../Suites.ts"
import { type FakeTarget, fakeCase, fakeSuite, requirement, specification } from "../../testing/fakes.ts"
import { type BrokenResult, runBroken } from "./runBroken.ts"
import type { BrokenTarget } from "./table.ts"

const known = specification(requirement("WP-001"), requirement("WP-002"), requirement("WP-003"))

const target = (more: Partial<BrokenTarget> = {}): BrokenTarget => ({
  name: "broken",
  kind: "worker",
  violates: "It does.",
  turnsRed: ["WP-001"],
  cases: null,
  command: "broken-worker",
  scriptedWorker: null,
  runtimes: ["bun"],
  runtime: "bun",
  timeoutFactor: 1,
  byTimeout: false,
  source: "table.yaml:1",
  ...more
})

const failing = (id: string, requirements: ReadonlyArray<string>, violated?: ReadonlyArray<string>) =>
  fakeCase(
    id,
    () => {
      throw new CaseFailure(`${id} saw it`, violated === undefined ? {} : { requirements: violated })
    },
    { requirements }
  )
const passing = (id: string, requirements: ReadonlyArray<string>) => fakeCase(id, undefined, { requirements })

const suitesOf = (cases: ReadonlyArray<Case<FakeTarget>>, start?: () => Promise<void>) => {
  const asked: Array<WorkerOptions> = []
  return {
    asked,
    suites: {
      requirements: () => Promise.resolve(known),
      worker: (options: WorkerOptions) => {
        asked.push(options)
        return Promise.resolve(anySuite(fakeSuite(cases, start === undefined ? {} : { start })))
      },
      server: () => Promise.reject(new Error("nobody asks for a server")),
      faults: () => Promise.reject(new Error("nobody asks for faults"))
    }
  }
}

const run = async (
  one: BrokenTarget,
  cases: ReadonlyArray<Case<FakeTarget>>,
  more: { readonly start?: () => Promise<void>; readonly interrupt?: AbortSignal } = {}
) => {
  const { asked, suites } = suitesOf(cases, more.start)
  const told: Array<BrokenResult> = []
  const results = await runBroken([one], {
    suites,
    requirements: known,
    functions: "/functions",
    seed: 1,
    jobs: 2,
    caseJobs: 1,
    timeoutFactor: 2,
    interrupt: more.interrupt ?? new AbortController().signal,
    ended: (result) => void told.push(result)
  })
  expect(told).toEqual(results)
  return { result: results[0], asked }
}

describe("a broken target", () => {
  it("is as the table says where each of its requirements has a failing case; what comes then is not run", async () => {
    const cases = [
      passing("a/passes", ["WP-001"]),
      failing("a/fails", ["WP-001", "WP-002"]),
      failing("a/later", ["WP-001"]),
      failing("a/unrelated", ["WP-003"])
    ]
    const { result, asked } = await run(target({ turnsRed: ["WP-001", "WP-002"], timeoutFactor: 0.5 }), cases)
    expect(result).toMatchObject({ faults: [], cases: 2 })
    expect([...(result?.red ?? [])]).toEqual([
      ["WP-001", "worker/a/fails: a/fails saw it"],
      ["WP-002", "worker/a/fails: a/fails saw it"]
    ])
    expect(asked).toMatchObject([{ cmd: "broken-worker", runtime: "bun", timeoutFactor: 1 }])
  })

  it("turns red by what a monitor saw, whatever the case was about", async () => {
    const cases = [failing("a/about-3", ["WP-003", "WP-001"], ["WP-002"])]
    const { result } = await run(target({ turnsRed: ["WP-002"], cases: ["worker/a/*"] }), cases)
    expect(result?.faults).toEqual([])
  })

  it("does not turn red by what is the suite's own fault, nor by a set-up that failed or a case whose time was over", async () => {
    const cases = [
      fakeCase("a/throws", () => {
        throw new RangeError("of its own")
      }),
      fakeCase("a/dead", () => {
        throw new TargetUnusable("it died at once")
      }),
      fakeCase("a/refused", () => {
        throw new SetUpFailed("the registration was refused", "400")
      }),
      fakeCase("a/hangs", (_, { signal }) => once(signal, "abort").then(() => {}), { timeoutMs: 10 })
    ]
    const { result } = await run(target(), cases)
    expect([...(result?.red ?? [])]).toEqual([])
    expect(result?.faults).toEqual([
      "WP-001 stayed green: worker/a/throws is at fault itself: RangeError: of its own; " +
        "worker/a/dead is at fault itself: it died at once; " +
        "worker/a/refused has no verdict, its set-up failed: the registration was refused; worker/a/hangs has no verdict: took longer than its 20 ms"
    ])
  })

  it("turns red by a case whose time was over where the table says so", async () => {
    const hangs = fakeCase("a/hangs", (_, { signal }) => once(signal, "abort").then(() => {}), {
      timeoutMs: 10
    })
    const { result } = await run(target({ byTimeout: true }), [hangs])
    expect(result?.faults).toEqual([])
    expect(result?.red.get("WP-001")).toContain("worker/a/hangs: took longer than its 20 ms")
  })

  it("that passes is a fault, with what was seen", async () => {
    const cases = [
      passing("a/weak", ["WP-001"]),
      failing("a/other", ["WP-001", "WP-002"], ["WP-002"]),
      fakeCase("a/not-for-it", undefined, { requirements: ["WP-001"], needs: { features: ["fork"] } })
    ]
    const { result } = await run(target({ turnsRed: ["WP-001", "WP-002"] }), cases)
    expect(result?.faults).toEqual([
      "WP-001 stayed green: worker/a/weak passed; worker/a/other failed for WP-002: a/other saw it; " +
        "worker/a/not-for-it is not for it, the target has no fork"
    ])
  })

  it("whose cases do not check its requirement is a fault", async () => {
    const { result } = await run(target({ cases: ["worker/a/x"] }), [failing("a/x", ["WP-002"])])
    expect(result?.faults).toEqual(["WP-001 stayed green: no case that was run checks it"])
  })

  it("that names a case that there is not is a fault", async () => {
    const { result } = await run(target({ cases: ["worker/b/*"] }), [failing("a/x", ["WP-001"])])
    expect(result?.faults[0]).toContain("--id worker/b/*: no case and no requirement is like that")
  })

  it("that cannot be tested is a fault", async () => {
    const start = () => Promise.reject(new TargetUnusable("it does not start", ["no such file"]))
    const { result } = await run(target(), [failing("a/x", ["WP-001"])], { start })
    expect(result).toMatchObject({
      faults: ["the suite cannot test it; it does not start; no such file"],
      cases: 0
    })
  })

  it("is not judged when the run is interrupted", async () => {
    const controller = new AbortController()
    const stops = fakeCase("a/stops", () => controller.abort(new Error("interrupted")))
    const { result } = await run(target(), [stops], { interrupt: controller.signal })
    expect(result).toBeUndefined()
  })
})

describe("a sound target", () => {
  const sound = target({ name: "sound", turnsRed: [] })

  it("is as the table says where the whole suite is green", async () => {
    const cases = ["WP-001", "WP-002", "WP-003"].map((id) => passing(`a/${id.toLowerCase()}`, [id]))
    const { result } = await run(sound, cases)
    expect(result).toMatchObject({ faults: [], cases: 3 })
  })

  it("that is red, or leaves a MUST untested, is a fault", async () => {
    const { result } = await run(sound, [passing("a/x", ["WP-001"]), failing("a/y", ["WP-002"])])
    expect(result?.faults).toEqual(["1 case failed", "untested MUST: WP-003", "worker/a/y: a/y saw it"])
  })
})

describe("bunbase conformance broken", () => {
  const table = `
worker: { command: w }
targets:
  - { name: one, kind: worker, violates: It does one., turns_red: [WP-001, WP-002] }
  - { name: two, kind: worker, violates: It does two., turns_red: [WP-003] }
`
  const all = [failing("a/one", ["WP-001", "WP-002"]), failing("a/three", ["WP-003"])]

  const broken = async (args: ReadonlyArray<string>, cases = all, text = table) => {
    const folder = await mkdtemp(join(tmpdir(), "conformance-broken-"))
    let out = ""
    let err = ""
    try {
      const path = join(folder, "table.yaml")
      await writeFile(path, text)
      const code = await main(["broken", ...args], {
        suites: suitesOf(cases).suites,
        path: "bunbase conformance",
        out: (said) => {
          out += said
          return Promise.resolve()
        },
        color: false,
        screen: { isTerminal: false, columns: 80, write: (said) => void (err += said) },
        table: path
      })
      return { code, out, err: err.replaceAll(path, "table") }
    } finally {
      await rm(folder, { recursive: true, force: true })
    }
  }

  it("ends with 0 where all are as the table says, and says by what each turned red", async () => {
    const { code, err, out } = await broken(["--seed", "7"])
    expect(code).toBe(0)
    expect(out).toMatch(
      /^broken targets: 2, for 3 requirements; sound: 0; all are as the table says; .*; seed 7\n$/
    )
    expect(err).toContain("       WP-003 by worker/a/three: a/three saw it\n")
    expect((await broken(["--quiet"])).err).toBe("")
  })

  it("ends with 1 where one is not, also with --quiet", async () => {
    const cases = [failing("a/one", ["WP-001", "WP-002"]), passing("a/three", ["WP-003"])]
    const { code, err, out } = await broken(["--quiet"], cases)
    expect(code).toBe(1)
    expect(out).toContain("not as the table says: 1;")
    expect(err).toMatch(
      /^WRONG {2}two \(1 case, .*\) {2}table:5\n {7}It does two\.\n {7}WP-003 stayed green: /
    )
  })

  it("ends with 1 where a MUST has no broken target, unless it is asked for some of them", async () => {
    const less = table.replace(", WP-002", "")
    const { code, out } = await broken(["--kind", "worker"], all, less)
    expect(out).toContain("1 of 3 MUSTs have no broken worker: WP-002\n")
    expect(code).toBe(1)
    expect((await broken(["--only", "two"], all, less)).code).toBe(0)
  })

  it("ends with 2 where the table or a name is wrong, and runs nothing", async () => {
    expect(await broken([], all, table.replace("WP-003", "WP-004"))).toMatchObject({
      code: 2,
      err: expect.stringContaining("table:5:68: there is no requirement WP-004 in the specification\n")
    })
    expect((await broken(["--except", "two"])).out).toContain("broken targets: 1,")
    expect((await broken(["--except", "towo"])).err).toBe(
      "error: --except towo: there is no such target; did you mean two?\n"
    )
    expect(await broken(["--only", "tow"])).toMatchObject({
      code: 2,
      err: "error: --only tow: there is no such target; did you mean two?\n"
    })
    expect(await broken(["--kind", "server"])).toMatchObject({
      code: 2,
      err: "error: no target is like that\n"
    })
  })
})
