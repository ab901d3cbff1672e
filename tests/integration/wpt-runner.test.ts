import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { dirname, join } from "node:path"
import { fileURLToPath } from "node:url"
import { afterEach, beforeEach, describe, expect, test } from "vitest"
import { surprises } from "../wpt/expectations.ts"
import { unfit } from "../wpt/files.ts"
import { describeOnQuickJs } from "../support/OnQuickJs.ts"

const main = fileURLToPath(new URL("../wpt/main.ts", import.meta.url))

let folder = ""
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "bunbase-wpt-runner-"))
})
afterEach(() => rmSync(folder, { recursive: true, force: true }))

const write = (path: string, text: string): void => {
  mkdirSync(dirname(join(folder, path)), { recursive: true })
  writeFileSync(join(folder, path), text)
}
const run = async (...args: ReadonlyArray<string>) => {
  const child = Bun.spawn([process.execPath, main, ...args], { stdio: ["ignore", "pipe", "pipe"] })
  const [out, err] = await Promise.all([new Response(child.stdout).text(), new Response(child.stderr).text()])
  return { out, err, status: await child.exited }
}
/** The tests of one file that fail on Bun, with their messages. */
const failing = async (text: string, ...args: ReadonlyArray<string>): Promise<Record<string, string>> => {
  write("url/own.any.js", text)
  const { out, err, status } = await run(folder, "--runtime", "bun", "--failures", ...args)
  expect([err, status]).toEqual(["", 0])
  const lines = out.split("\n").filter((line) => line.startsWith("bun\t"))
  return Object.fromEntries(lines.map((line) => line.split("\t").slice(2, 4) as [string, string]))
}

describe("the runner of web-platform-tests", () => {
  test("runs a file's tests in a worker, with what it includes and fetches", async () => {
    write("url/resources/numbers.json", "[1, 2]")
    write("common/shared.js", "const shared = 'in one scope'")
    const failures = await failing(`// META: script=/common/shared.js
      test(() => assert_equals(shared, "in one scope"), "shared scope")
      promise_test(async () => {
        const response = await fetch("resources/numbers.json")
        assert_array_equals(await response.json(), [1, 2])
      }, "resource")
      test(function () { assert_equals(this.name, "sloppy"); assert_equals((() => this)(), this) }, "sloppy")
      async_test((t) => setTimeout(t.step_func_done(() => assert_true(true)), 1), "later")
      promise_test((t) => promise_rejects_js(t, TypeError, Promise.reject(new TypeError("so"))), "rejects")
      test(() => assert_throws_dom("INVALID_CHARACTER_ERR", () => atob("ü")), "old name of an error")
    `)
    expect(failures).toEqual({})
  })

  test.each([
    ["assert_true(1)", "1 is not true"],
    ["assert_equals(0, -0)", "0 is not -0"],
    ["assert_equals(NaN, 1, 'why')", "why: NaN is not 1"],
    ["assert_not_equals(NaN, NaN)", "got NaN"],
    ["assert_array_equals([1, 2], [1, 3])", "item 1 is 2, not 3"],
    ["assert_array_equals([1], [1, 2])", "lengths differ: 1, not 2: [1], not [1, 2]"],
    ["assert_object_equals({ a: 1 }, { a: 1, b: 2 })", "property b is missing"],
    ["assert_object_equals({ a: { b: 1 } }, { a: { b: 2 } })", "property b is 1, not 2"],
    ["assert_less_than(2, 2)", "2 is not less than 2"],
    ["assert_throws_js(TypeError, () => {})", "did not throw"],
    [
      "assert_throws_js(TypeError, () => { throw new RangeError('r') })",
      "threw RangeError: r, not a TypeError"
    ],
    [
      "assert_throws_dom('AbortError', () => { throw new TypeError('t') })",
      "threw TypeError: t, not a DOMException"
    ],
    ["assert_throws_exactly(1, () => { throw 2 })", "threw 2, not 1"],
    ["assert_class_string([], 'Object')", "[object Array] is not [object Object]"],
    ["assert_own_property({}, 'x')", "has no own x"],
    ["assert_unreached('here')", "here: was reached"],
    ["throw new Error('plain')", "Error: plain"]
  ])("tells a failure: %s", async (statement, message) => {
    expect(await failing(`test(() => { ${statement} }, "it")`)).toEqual({ it: message })
  })

  test("tells of promise tests that fail, one after another, after their cleanups", async () => {
    const failures = await failing(`
      let order = ""
      promise_test(async (t) => { t.add_cleanup(async () => { await 0; order += "c" }); order += "a"; throw new Error("no") }, "first")
      promise_test(async () => assert_equals(order, "ac"), "second")
      promise_test(() => 1, "third")
      promise_test((t) => promise_rejects_dom(t, "AbortError", Promise.resolve(3)), "fourth")
      async_test((t) => { t.step(() => assert_true(false)); t.done() }, "fifth")
    `)
    expect(failures).toEqual({
      first: "Error: no",
      third: "promise_test() was given a function that returns no promise",
      fourth: "was fulfilled with 3",
      fifth: "false is not true"
    })
  })

  test("counts a file that throws, and goes on with the tests it had made", async () => {
    const failures = await failing(`test(() => assert_true(false), "made"); nowhere()`)
    expect(failures).toEqual({
      made: "false is not true",
      "(the file)": expect.stringContaining("nowhere") as unknown as string
    })
  })

  test("counts a worker that ends, and an include that is not there", async () => {
    expect(await failing("process.exit(3)")).toEqual({
      "(the file)": expect.stringMatching(/exit|ended/) as unknown
    })
    expect(await failing("// META: script=none.js")).toEqual({
      "(the file)": expect.stringContaining("none.js") as unknown
    })
  })

  test("says what it cannot do", async () => {
    const nothing = await run(folder, "--runtime", "bun")
    expect([nothing.status, nothing.err]).toEqual([2, expect.stringContaining("no .any.js file")])
    const noFolder = await run(join(folder, "none"))
    expect([noFolder.status, noFolder.err]).toEqual([2, `${join(folder, "none")} is no folder\n`])
    expect((await run()).err).toContain("usage: npm run wpt -- FOLDER")
  })
})

describeOnQuickJs("the runner of web-platform-tests, where there is no WebAssembly", () => {
  test("gives tests the shared buffers that they would have by it", async () => {
    write("common/sab.js", "const createBuffer = () => new WebAssembly.Memory({ shared: true })")
    write(
      "url/own.any.js",
      `// META: script=/common/sab.js
      test(() => assert_equals(typeof WebAssembly, "undefined"), "none")
      for (const type of ["ArrayBuffer", "SharedArrayBuffer"])
        test(() => assert_class_string(createBuffer(type, 8, { maxByteLength: 16 }), type), type)`
    )
    const { err, out, status } = await run(folder, "--runtime", "quickjs-ng")
    expect([err, status]).toEqual(["", 0])
    expect(out).toMatch(/^url +3\/3$/m)
  })
})

describe("files that are not run", () => {
  test.each([
    ["url/a.any.js", "// META: global=window", "is for window only"],
    ["url/a.any.js", "// META: global=window,worker", null],
    ["url/a.any.js", "test(() => {})", null],
    ["fetch/a.sub.any.js", "", "needs a server"],
    ["url/a.any.js", "// META: script=/common/get-host-info.sub.js", "needs a server"],
    ["url/a.any.js", "// META: script=/resources/idlharness.js", "needs the interface definitions"]
  ])("%s with %s: %s", (path, text, why) => {
    expect(unfit(path, text)).toBe(why)
  })
})

describe("expectations", () => {
  const passed = (name: string) => ({ name, passed: true, message: "" })
  const failed = (name: string) => ({ name, passed: false, message: "no" })
  test.each([
    ["what passes and what fails as known", { b: "why" }, [passed("a"), failed("b")], []],
    ["a failure that is not known", {}, [failed("a")], [["a", "no"]]],
    ["a known failure that passes", { a: "why" }, [passed("a")], [["a", ""]]],
    ["a known failure that is no test", { c: "why" }, [passed("a")], [["c", "no test fits"]]],
    ["a pattern for several", { "x*y": "why" }, [failed("xy"), failed("x (1) y"), passed("x")], []],
    ["a pattern of which one passes", { "x*": "why" }, [failed("xa"), passed("xb")], [["xb", ""]]]
  ] as const)("%s", (_what, known, results, expected) => {
    expect(surprises(known, results).map(({ test: name, message }) => [name, message])).toEqual(expected)
  })
})
