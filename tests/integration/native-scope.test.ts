import { describe, expect, it, onTestFinished } from "vitest"
import { nativeRuntime, runCases, WorkerUnderTest } from "../support/WorkerCases.ts"

runCases("the global scope", [
  {
    name: "is its own self",
    run: () => (globalThis as { readonly self?: unknown }).self === globalThis,
    expected: true
  },
  {
    name: "names the program that it runs in",
    run: () => [typeof navigator.userAgent, /^(QuickJS-NG|Bun)\/\d+\.\d+\.\d+/.test(navigator.userAgent)],
    expected: ["string", true]
  },
  {
    name: "has a navigator of its kind",
    run: () => Object.prototype.toString.call(navigator),
    expected: "[object Navigator]"
  },
  {
    name: "takes errors to report, and goes on",
    run: () => [typeof reportError, reportError.length],
    expected: ["function", 1]
  }
])

describe.each(nativeRuntime)("reportError on %s", () => {
  it("logs what it is given as an exception that nobody caught, with its place", async () => {
    const worker = await WorkerUnderTest.start(
      "quickjs-ng",
      `export default () => { reportError(new RangeError("told")); return new Response("went on") }`
    )
    onTestFinished(() => worker.stop())
    expect((await worker.invoke("/")).type).toBe("response")
    expect(worker.logs).toEqual(["error Uncaught exception: RangeError: told"])
  })
})
