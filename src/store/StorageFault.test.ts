import { Database } from "bun:sqlite"
import { describe, expect, it } from "vitest"
import { describeFault, faultCode } from "./StorageFault.ts"

const thrownBy = (body: () => void): unknown => {
  try {
    body()
  } catch (error) {
    return error
  }
  throw new Error("nothing was thrown")
}

describe("describeFault", () => {
  it.each([
    ["ENOSPC", "the disk is full"],
    ["SQLITE_FULL", "the disk is full"],
    ["SQLITE_IOERR_SHMSIZE", "the disk is full"],
    ["SQLITE_IOERR_WRITE", "the disk reports an error"],
    ["SQLITE_READONLY_DIRECTORY", "it is read-only"],
    ["EACCES", "permission denied"],
    ["SQLITE_BUSY_SNAPSHOT", "another program has the database locked"],
    ["SQLITE_CORRUPT_INDEX", "the database is damaged"],
    ["EXOTIC", "the system answered EXOTIC"]
  ])("%s: %s", (code, reason) => {
    expect(describeFault(Object.assign(new Error("/secret/path"), { code }))).toMatchObject({ code, reason })
  })

  it("finds the code below other errors, and does without one", () => {
    const sqlite = thrownBy(() => new Database("/nowhere/at/all.db"))
    expect(faultCode(new Error("outer", { cause: new Error("inner", { cause: sqlite }) }))).toBe(
      "SQLITE_CANTOPEN"
    )
    expect(describeFault(new TypeError("/secret/path"))).toMatchObject({
      reason: "the system answered TypeError"
    })
    expect(describeFault("text")).toMatchObject({ reason: "the system answered unknown" })
    const circle: { cause?: unknown } = {}
    circle.cause = circle
    expect(faultCode(circle)).toBeNull()
  })
})
