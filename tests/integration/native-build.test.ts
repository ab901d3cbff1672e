import { cp, mkdir, mkdtemp, readFile, rm, stat, symlink } from "node:fs/promises"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { fileURLToPath } from "node:url"
import { describe, expect, onTestFinished, test } from "vitest"
import { guestRuntimes } from "../support/GuestProcess.ts"

const root = fileURLToPath(new URL("../..", import.meta.url))
const node = Bun.which("node") as string

/** A copy of what the build of the native worker is made of, without anything built; and a PATH with Node alone. */
const bareCopy = async () => {
  const folder = await mkdtemp(join(tmpdir(), "bunbase-build-"))
  onTestFinished(() => rm(folder, { recursive: true, force: true }))
  for (const name of ["scripts", "package.json", "package-lock.json"])
    await cp(join(root, name), join(folder, name), { recursive: true })
  const native = join("native", "quickjs-ng")
  await cp(join(root, native), join(folder, native), {
    recursive: true,
    filter: (source) => !source.startsWith(join(root, native, "build"))
  })
  const path = join(folder, "path")
  await mkdir(path)
  await symlink(node, join(path, "node"))
  return { folder, path, build: join(folder, native, "build") }
}

const buildIn = async (folder: string, path: string) => {
  const child = Bun.spawn([node, "scripts/native.mjs"], {
    cwd: folder,
    env: { PATH: path },
    stdio: ["ignore", "pipe", "pipe"]
  })
  const [code, out, err] = await Promise.all([
    child.exited,
    new Response(child.stdout).text(),
    new Response(child.stderr).text()
  ])
  return { code, out, err }
}

describe("where the native worker cannot be built", () => {
  test("what is missing is named, with what to do, to the user and to the server", async () => {
    const { folder, path, build } = await bareCopy()
    const { code, err } = await buildIn(folder, path)
    expect(code).toBe(1)
    expect(err).toContain("a C compiler (cc)")
    expect(err).toContain("Install what Debian calls gcc, g++, make, patch")
    expect(err).toContain("the server runs with Bun alone")
    const cause = JSON.parse(await readFile(join(build, "unavailable.json"), "utf8"))
    expect(cause.reason).toContain("a C compiler (cc)")
    expect(cause.missing).toContain("make")
    expect(cause.what_to_do.join("\n")).toContain("node scripts/native.mjs")
  })

  test("a set-up that was told so does not try again until something has changed", async () => {
    const { folder, path, build } = await bareCopy()
    await buildIn(folder, path)
    const ask = async (): Promise<string> => {
      const child = Bun.spawn(
        [node, "-e", 'import("./scripts/setup/native.mjs").then((m) => console.log(m.nativeStep.ready()))'],
        { cwd: folder, env: { PATH: path }, stdio: ["ignore", "pipe", "inherit"] }
      )
      return (await new Response(child.stdout).text()).trim()
    }
    expect(await ask()).toBe("true")
    await rm(join(build, "unavailable.json"))
    expect(await ask()).toBe("false")
    await buildIn(folder, path)
    // a compiler appears
    await symlink("/bin/true", join(path, "cc"))
    expect(await ask()).toBe("false")
  })
})

describe.each(guestRuntimes.filter((runtime) => runtime !== "bun"))("a worker of %s that is built", () => {
  test("is left alone by another build", async () => {
    const binary = join(root, "native", "quickjs-ng", "build", "release", "bunbase-quickjs")
    const first = await buildIn(root, process.env["PATH"] as string)
    expect(first).toMatchObject({ code: 0, err: "" })
    const before = await stat(binary)
    const second = await buildIn(root, process.env["PATH"] as string)
    expect(second.out).toMatch(/is built already \(0\.\d s\)/)
    expect((await stat(binary)).mtimeMs).toBe(before.mtimeMs)
  })
})
