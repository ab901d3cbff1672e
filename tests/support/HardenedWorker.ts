import { mkdtempSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { expect, onTestFinished } from "vitest"
import { GuestProcess } from "./GuestProcess.ts"

/** A folder that goes with its test. */
export const testFolder = (): string => {
  const path = mkdtempSync(join(tmpdir(), "bunbase-hardening-"))
  onTestFinished(() => rmSync(path, { recursive: true, force: true }))
  return path
}

/** A bundle whose handler has these statements; `/ok` is answered with "ok". */
export const bundleOf = (statements: string, before = ""): string => {
  const path = join(testFolder(), "function.js")
  writeFileSync(
    path,
    `${before}
export default async (request) => {
  const path = new URL(request.url).pathname
  if (path === "/ok") return new Response("ok");
  ${statements}
}
`
  )
  return path
}

/** A native worker with that bundle and so much memory. */
export const native = (bundle: string, memoryMb = 64, env: Readonly<Record<string, string>> = {}) =>
  GuestProcess.ready({
    runtime: "quickjs-ng",
    bundle,
    env: { BUNBASE_MEMORY_MB: String(memoryMb), ...env }
  })

/** Holds a worker to answering the next call, and to having kept the protocol. */
export const goesOn = async (guest: GuestProcess): Promise<void> => {
  expect(await guest.response({ path: "/ok" })).toMatchObject({ text: "ok" })
  expect(guest.violations).toEqual([])
}
