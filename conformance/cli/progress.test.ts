import { describe, expect, it } from "vitest"
import { caseResult } from "../testing/fakes.ts"
import { showProgress } from "./progress.ts"

const failure = caseResult("worker/a/2", {
  verdict: { _tag: "Failed", message: "answered twice\nat once", transcript: [] }
})

const progressOn = (isTerminal: boolean) => {
  const written: Array<string> = []
  const progress = showProgress({ isTerminal, columns: 40, write: (text) => void written.push(text) })
  return { progress, text: () => written.join("") }
}

describe("progress", () => {
  it("is a line for each failure and each quarter, where there is no terminal", () => {
    const { progress, text } = progressOn(false)
    progress.started({ cases: 8, target: "bun" })
    for (let i = 1; i <= 8; i++) {
      progress.began(`worker/a/${i}`)
      progress.ended(i === 2 ? failure : caseResult(`worker/a/${i}`))
    }
    progress.end()
    expect(text()).toBe(
      [
        "bun: 8 cases",
        "FAILED worker/a/2: answered twice",
        "2 of 8 cases, 1 failed",
        "4 of 8 cases, 1 failed",
        "6 of 8 cases, 1 failed",
        "8 of 8 cases, 1 failed",
        ""
      ].join("\n")
    )
  })

  it("is one line on a terminal, no wider than it, which goes at the end", async () => {
    const { progress, text } = progressOn(true)
    progress.started({ cases: 3, target: "bun" })
    progress.began("worker/a/1")
    progress.began("worker/a/with-a-very-long-name-that-does-not-fit")
    await expect.poll(text, { timeout: 20_000 }).toContain("[0/3] · worker/a/1 ")
    progress.ended(failure)
    progress.dropped("worker/a/1")
    await expect.poll(text, { timeout: 20_000 }).toContain("[1/3] 1 failed")
    progress.end()
    for (const line of text().split("\r\u001b[2K")) expect(line.trimEnd().length).toBeLessThan(40)
    expect(text().endsWith("\r\u001b[2K")).toBe(true)
  })
})
