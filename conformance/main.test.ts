import { spawn } from "node:child_process"
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { fileURLToPath } from "node:url"
import { afterEach, beforeEach, describe, expect, it } from "vitest"
import { CaseFileErrors } from "./data/Mistakes.ts"
import { main } from "./main.ts"
import { CaseFailure } from "./model/Case.ts"
import type { ServerOptions, WorkerOptions } from "./model/Options.ts"
import { type Suite, TargetUnusable } from "./model/Suite.ts"
import { isRunning } from "./ProcessGroups.ts"
import { readRun } from "./report/readRun.ts"
import { anySuite } from "./Suites.ts"
import { type FakeTarget, fakeCase, fakeSuite, requirement, specification } from "./testing/fakes.ts"

const known = specification(
  requirement("WP-001"),
  requirement("WP-002", { level: "SHOULD" }),
  requirement("SP-001", { roles: ["server"], area: "socket-protocol" })
)
const good = fakeCase("invoke/good", undefined, { requirements: ["WP-001", "WP-002"] })
const bad = fakeCase("invoke/bad", () => {
  throw new CaseFailure("answered twice", { expected: 1, observed: 2 })
})

let folder = ""
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "conformance-cli-"))
})
afterEach(() => rm(folder, { recursive: true, force: true }))

const conformance = async (
  args: ReadonlyArray<string>,
  suite: Suite<FakeTarget> | Error = fakeSuite([good]),
  platform = "linux"
) => {
  let out = ""
  let err = ""
  let options: WorkerOptions | ServerOptions | null = null
  const make = (given: WorkerOptions | ServerOptions) => {
    options = given
    return suite instanceof Error ? Promise.reject(suite) : Promise.resolve(anySuite(suite))
  }
  // `list` asks for both suites: no case may be in both
  const server = (given: ServerOptions) =>
    args[0] === "list" ? Promise.resolve(anySuite(fakeSuite([]))) : make(given)
  const code = await main(args, {
    suites: { requirements: () => Promise.resolve(known), worker: make, server, faults: server },
    path: "bunbase conformance",
    platform,
    out: (text) => {
      out += text
      return Promise.resolve()
    },
    color: false,
    screen: { isTerminal: false, columns: 80, write: (text) => void (err += text) }
  })
  return { code, out, err, options: options as WorkerOptions | ServerOptions | null }
}

const worker = ["worker", "--cmd", "bun worker.ts"]

describe("bunbase conformance", () => {
  it("ends with 0 where everything holds, and says so", async () => {
    const { code, out, err } = await conformance([...worker, "--seed", "7"])
    expect(out).toContain("cases: 1 passed, 0 failed, 0 not applicable; property runs: 0;")
    expect(out).toContain("seed 7\n")
    expect(out).toContain("green")
    expect(err).toBe("fake: 1 case\n1 of 1 cases, 0 failed\n")
    expect(code).toBe(0)
  })

  it("ends with 1 where a case failed, and writes all reports", async () => {
    const files = ["json", "junit", "html"].map((name) => join(folder, "new", `run.${name}`))
    const flags = ["--json", "--junit", "--html"].flatMap((flag, index) => [flag, files[index] ?? ""])
    const { code, out, err } = await conformance(
      [...worker, "--name", "mine", ...flags],
      fakeSuite([good, bad])
    )
    expect(code).toBe(1)
    expect(out).toContain("FAILED worker/invoke/bad")
    expect(err).toContain("FAILED worker/invoke/bad: answered twice\n")
    const run = await readRun(files[0] ?? "")
    expect(run).toMatchObject({
      target: "mine",
      cases: [{ id: "worker/invoke/good" }, { id: "worker/invoke/bad" }]
    })
    expect(run.requirements.map(({ id, status }) => [id, status])).toEqual([
      ["WP-001", "failed"],
      ["WP-002", "passed"]
    ])
    expect(await readFile(files[1] ?? "", "utf8")).toContain('<failure message="answered twice">')
    expect(await readFile(files[2] ?? "", "utf8")).toContain("<title>Conformance report: mine</title>")
  })

  it("ends with 1 where a MUST that binds the target has no case, not so for a SHOULD", async () => {
    const unrelated = fakeCase("invoke/other", undefined, { requirements: ["WP-002"] })
    const { code, out } = await conformance(worker, fakeSuite([unrelated]))
    expect(code).toBe(1)
    expect(out).toContain("untested MUST: WP-001")
    expect((await conformance([...worker, "--level", "SHOULD"], fakeSuite([unrelated]))).code).toBe(0)
    const must = fakeCase("invoke/must")
    expect((await conformance(worker, fakeSuite([must]))).code).toBe(0)
    expect((await conformance([...worker, "--id", "WP-001"], fakeSuite([]))).code).toBe(1)
  })

  it("ends with 1 where the flags kept a MUST of a server from being checked, unless that is meant", async () => {
    const needy = fakeSuite(
      [
        fakeCase("host/late", undefined, { requirements: ["WP-001"], needs: { traits: ["scripted-worker"] } })
      ],
      { facts: { whyNot: { "scripted-worker": "give --cmd and --scripted-worker" } } }
    )
    const server = ["server", "--url", "http://127.0.0.1:1"]
    const words =
      "1 MUST not checked here: the target has no scripted-worker: give --cmd and --scripted-worker: WP-001\n"
    const all = await conformance(server, needy)
    expect(all.code).toBe(1)
    expect(all.out).toContain(words)
    expect(all.out).toContain("MUSTs covered: 0 of the 1 that bind the target\n")
    const json = join(folder, "run.json")
    const part = await conformance([...server, "--partial", "--json", json], needy)
    expect(part.code).toBe(0)
    expect(part.out).toContain(words)
    const run = await readRun(json)
    expect([run.partial, run.requirements[0]?.status]).toEqual([true, "unchecked"])
    expect((await conformance(["report", json])).code).toBe(0)
    expect((await conformance([...worker, "--partial"])).err).toContain("has no flag --partial")
  })

  it("hands the flags to the suite", async () => {
    await writeFile(join(folder, "hello.py"), "")
    const flags = ["--runtime", "other", "--functions", folder, "--extension=py", "--protocol", "1.0"]
    const more = [
      "--features",
      "ping,cancel",
      "--property-runs",
      "20",
      "--timeout-factor",
      "2.5",
      "--cases",
      "a.yaml,b.yaml"
    ]
    const { options } = await conformance([...worker, ...flags, ...more])
    expect(options).toMatchObject({
      cmd: "bun worker.ts",
      javascript: false,
      runtime: "other",
      functions: folder,
      extension: "py",
      protocol: "1.0",
      features: ["ping", "cancel"],
      propertyRuns: 20,
      timeoutFactor: 2.5,
      caseFiles: ["a.yaml", "b.yaml"]
    })
    const own = await conformance([
      "server",
      "--cmd",
      "serve {data} {port}",
      "--scripted-worker",
      "--quickjs-worker {worker}"
    ])
    expect(own.options).toMatchObject({
      cmd: "serve {data} {port}",
      scriptedWorker: "--quickjs-worker {worker}",
      url: null,
      runtimes: ["bun", "quickjs-ng"]
    })
    // A server that the suite kills must not work on what is the caller's.
    expect((await conformance(["server", "--cmd", "serve {port}"])).options).toBeNull()
    const attached = await conformance([
      "server",
      "--url",
      "http://127.0.0.1:80/",
      "--runtimes",
      "bun",
      "--api-key",
      "k"
    ])
    expect(attached.options).toMatchObject({
      cmd: null,
      url: "http://127.0.0.1:80",
      runtimes: ["bun"],
      apiKey: "k"
    })
  })

  it("prints only what failed and the figures with --quiet", async () => {
    const { out, err } = await conformance([...worker, "--quiet"], fakeSuite([good, bad]))
    expect(err).toBe("")
    expect(out).toMatch(/^FAILED worker\/invoke\/bad/)
    expect(out).toContain("cases: 1 passed, 1 failed")
    expect(out).not.toContain("requirements ")
  })

  it.each<[string, ReadonlyArray<string>, ReadonlyArray<string>]>([
    ["no command", [], ["Usage:"]],
    ["a command that there is not", ["wroker"], ['there is no command "wroker"; did you mean worker?']],
    [
      "flags, all of them",
      [
        "worker",
        "--cdm",
        "x",
        "--seed",
        "-1",
        "--jobs=1.5",
        "--level",
        "MSUT",
        "--runtime",
        "node",
        "--quiet=1",
        "--id"
      ],
      [
        "bunbase conformance worker has no flag --cdm; did you mean --cmd?",
        '--level cannot be "MSUT"; did you mean MUST?',
        '--runtime cannot be "node"; use one of: bun, quickjs-ng, other',
        "--quiet takes no value",
        "--id needs a value: --id GLOB,…",
        "--seed -1: give a whole number from 0 to 2147483647",
        "--jobs 1.5: give a whole number from 1 to 256",
        "give the command that starts a worker: --cmd COMMAND"
      ]
    ],
    ["a server that is nowhere", ["server"], ["give the server: --cmd COMMAND to start one, or --url URL"]],
    [
      "a server that is both",
      ["server", "--cmd", "serve", "--url", "127.0.0.1", "--scripted-worker", "x"],
      [
        "--url is for a server that runs; --cmd starts one",
        "--cmd needs {port} or {socket}",
        "--scripted-worker needs {worker}",
        "--url 127.0.0.1: give scheme, host and port"
      ]
    ],
    [
      "arguments",
      [...worker, "more"],
      ['bunbase conformance worker takes no arguments; "more" is one too many']
    ],
    ["no results", ["report", "--html", "x.html"], ["give the results that are put together"]],
    ["a result that is none", ["report", "/dev/null"], ["/dev/null is no result of a run"]],
    ["an unknown id", [...worker, "--id", "WP-1*"], ["--id WP-1*: no case and no requirement is like that"]],
    [
      "another suite's requirement",
      [...worker, "--id", "SP-001"],
      ["SP-001 binds server, and is not in this suite"]
    ],
    [
      "an unknown area",
      [...worker, "--area", "invok"],
      ["--area invok: there is no such area; did you mean invoke?"]
    ],
    ["a choice that leaves nothing", [...worker, "--level", "MAY"], ["no case checks what was chosen"]],
    [
      "a report that cannot be written",
      [...worker, "--html", "/dev/null/x.html"],
      ["--html /dev/null/x.html: cannot be written"]
    ]
  ])("ends with 2 and does nothing where the command line is wrong: %s", async (_, args, lines) => {
    const { code, out, err } = await conformance(args)
    expect({ code, out }).toEqual({ code: 2, out: "" })
    for (const line of lines) expect(err).toContain(line)
  })

  it("ends with 2 where case files are malformed, with every line", async () => {
    const { code, err } = await conformance(
      worker,
      new CaseFileErrors(["a.yaml:3:5: title is missing", "b.yaml:1:1: no"])
    )
    expect(err).toBe(
      "a.yaml:3:5: title is missing\nb.yaml:1:1: no\nerror: the case files have 2 mistakes; nothing was run\n"
    )
    expect(code).toBe(2)
  })

  it("ends with 3 where the target cannot be tested, says why, and reports that too", async () => {
    const dies = fakeSuite([good], {
      start: () =>
        Promise.reject(new TargetUnusable("it died at once", ["exit code 7", "stderr: no such file"]))
    })
    const junit = join(folder, "junit.xml")
    const { code, out, err } = await conformance([...worker, "--junit", junit], dies)
    expect({ code, out }).toEqual({ code: 3, out: "" })
    expect(err).toBe(
      "error: it died at once\n  exit code 7\n  stderr: no such file\n  target: fake --worker\n"
    )
    expect(await readFile(junit, "utf8")).toContain('failures="1"')
  })

  it("puts results side by side, and ends with 1 where one is not green", async () => {
    const [bun, quickjs] = [join(folder, "bun.json"), join(folder, "quickjs.json")]
    await conformance([...worker, "--name", "bun", "--json", bun])
    await conformance([...worker, "--name", "quickjs-ng", "--json", quickjs], fakeSuite([good, bad]))
    const html = join(folder, "report.html")
    const both = await conformance(["report", bun, quickjs, "--html", html])
    expect(both.code).toBe(1)
    expect(both.out).toContain("Conformance of bun: worker suite")
    expect(await readFile(html, "utf8")).toContain('<th scope="col">bun</th><th scope="col">quickjs-ng</th>')
    expect((await conformance(["report", bun])).code).toBe(0)
    await writeFile(bun, "{}")
    expect((await conformance(["report", bun])).code).toBe(2)
  })

  it("writes no report over another, nor over a result that is read", async () => {
    const json = join(folder, "run.json")
    const twice = await conformance([...worker, "--html", json, "--json", json])
    expect(twice).toMatchObject({ code: 2, err: expect.stringContaining("names the same file") })
    expect((await conformance([...worker, "--json", json])).code).toBe(0)
    const over = await conformance(["report", json, "--html", json])
    expect(over).toMatchObject({ code: 2, err: expect.stringContaining("names the same file") })
    expect(await readRun(json)).toMatchObject({ target: "fake" })
  })

  it("starts nothing where the system is not Linux", async () => {
    const { code, err } = await conformance(worker, undefined, "darwin")
    expect({ code, err }).toEqual({ code: 2, err: expect.stringContaining("worker runs on Linux alone") })
    expect((await conformance(["list"], undefined, "darwin")).code).toBe(0)
  })

  it("lists requirements with their cases, and counts those without", async () => {
    const { code, out } = await conformance(["list", "--area", "WP"])
    expect(code).toBe(0)
    expect(out).toContain(
      "  WP-001  MUST    Title of WP-001  (worker)\n      A worker MUST do WP-001.\n      worker/invoke/good  cases.ts:1\n"
    )
    expect(out).not.toContain("SP-001")
    expect((await conformance(["list", "--level", "MUST"])).out).toContain(
      "without a case: 1, 1 of them MUST"
    )
  })

  it.each(["worker", "server", "report", "list"])("has help for %s", async (command) => {
    const { code, out } = await conformance([command, "--help"])
    expect(code).toBe(0)
    expect(out).toContain(`Usage:\n  bunbase conformance ${command}`)
    expect(out.split("\n").filter((line) => line.length > 130)).toEqual([])
    expect((await conformance(["help", command])).out).toBe(out)
  })
})

describe("the program", () => {
  const start = (...args: ReadonlyArray<string>) => {
    const program = fileURLToPath(new URL("testing/fakeProgram.ts", import.meta.url))
    const child = spawn(process.execPath, ["--no-env-file", program, ...worker, ...args], {
      stdio: ["ignore", "pipe", "pipe"]
    })
    const said = { out: "", err: "" }
    const waiting: Array<() => void> = []
    const hear = (stream: "out" | "err") => (data: Buffer) => {
      said[stream] += data.toString()
      for (const look of waiting) look()
    }
    child.stdout.on("data", hear("out"))
    child.stderr.on("data", hear("err"))
    const ended = new Promise<number | null>((resolve) => child.on("close", (code) => resolve(code)))
    /** The pids that it printed, once there are so many. */
    const pids = (count: number) =>
      new Promise<ReadonlyArray<number>>((resolve) => {
        const look = () => {
          const found = [...said.out.matchAll(/^pids (\d+) (\d+)$/gm)].flatMap(([, a, b]) => [
            Number(a),
            Number(b)
          ])
          if (found.length >= count) resolve(found)
        }
        waiting.push(look)
        look()
      })
    return { child, said, ended, pids }
  }

  it("ends everything on Ctrl-C, reports what there is, and leaves no process", async () => {
    const json = join(folder, "run.json")
    const { child, ended, pids, said } = start(
      "--json",
      json,
      "--jobs",
      "1",
      "--id",
      "worker/a/first,worker/b/*"
    )
    const started = await pids(4)
    expect(started.filter(isRunning)).toHaveLength(4)
    child.kill("SIGINT")
    expect(await ended).toBe(130)
    expect(said.out).toContain("red: the run was interrupted")
    expect(started.filter(isRunning)).toEqual([])
    expect(await readRun(json)).toMatchObject({
      interrupted: true,
      chosen: 2,
      cases: [{ id: "worker/a/first" }]
    })
  })

  it("ends at once on a second Ctrl-C, and leaves no process then either", async () => {
    const { child, ended, pids } = start("--id", "worker/b/*")
    const started = await pids(4)
    child.kill("SIGINT")
    child.kill("SIGTERM")
    expect(await ended).toBe(130)
    // they have been killed, and may take a moment to be gone
    await expect.poll(() => started.filter(isRunning), { timeout: 20_000 }).toEqual([])
  })

  it("counts what a suite throws where nobody waits as a problem, and goes on", async () => {
    const { ended, said } = start("--id", "worker/a/*")
    expect(await ended).toBe(1)
    expect(said.out).toContain("thrown where nobody waits")
    expect(said.out).toContain("cases: 2 passed")
  })
})
