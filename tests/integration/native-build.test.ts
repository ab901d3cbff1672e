import { chmod, cp, mkdir, mkdtemp, readdir, readFile, rm, stat, symlink } from "node:fs/promises"
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

/** A program of the PATH that is a line of shell; what it is told is noted in `file`. */
const scripted = (path: string, name: string, line: string): Promise<number> =>
  Bun.write(join(path, name), `#!/bin/sh\n${line}\n`).then(async (size) => {
    await chmod(join(path, name), 0o755)
    return size
  })
const programsOf = (path: string, names: ReadonlyArray<string>) =>
  Promise.all(names.map((name) => symlink(Bun.which(name) as string, join(path, name))))

/** Evaluates an expression with the set-up's module as `m` in a copy; what it prints. */
const evaluate = async (folder: string, path: string, expression: string, env = {}) => {
  const child = Bun.spawn(
    [
      node,
      "--input-type=module",
      "-e",
      `const m = await import("./scripts/setup/native.mjs"); ${expression}`
    ],
    { cwd: folder, env: { PATH: path, ...env }, stdio: ["ignore", "pipe", "pipe"] }
  )
  const [code, out, err] = await Promise.all([
    child.exited,
    new Response(child.stdout).text(),
    new Response(child.stderr).text()
  ])
  return { code, out, err }
}

describe("what the native worker needs of Debian", () => {
  const needs = async (found: string) => {
    const { folder, path } = await bareCopy()
    await programsOf(path, ["cc", "c++", "make", "patch"])
    await programsOf(path, ["cat", "touch", "mkdir"])
    const include = join(folder, "include")
    await mkdir(join(include, "openssl"), { recursive: true })
    for (const name of ["stdlib.h", "openssl/evp.h"]) await Bun.write(join(include, name), "")
    const asked = join(folder, "asked")
    await scripted(path, "apt-get", `echo "$@" >> '${asked}'; ${found.replaceAll("INCLUDE", include)}`)
    const told = await evaluate(
      folder,
      path,
      `await m.installNeeds({ includes: [${JSON.stringify(include)}], isRoot: ROOT }).catch((e) => { console.error(e.message, ...e.whatToDo); process.exit(1) })`.replace(
        "ROOT",
        String(!found.includes("nobody"))
      )
    )
    return { ...told, asked: await readFile(asked, "utf8").catch(() => "") }
  }

  test("is installed when root asks, the missing package alone", async () => {
    const { asked, code } = await needs("touch INCLUDE/uv.h")
    expect(code).toBe(0)
    expect(asked).toBe("install -y --no-install-recommends libuv1-dev\n")
  })

  test("is installed once the lists are there, where they were not", async () => {
    const { asked, code } = await needs(
      'case "$1" in update) touch INCLUDE/updated;; *) test -e INCLUDE/updated && touch INCLUDE/uv.h;; esac'
    )
    expect(code).toBe(0)
    expect(asked.split("\n").map((line) => line.split(" ")[0])).toEqual(["install", "update", "install", ""])
  })

  test("is named where it cannot be installed, and where nobody may", async () => {
    const failed = await needs("exit 100")
    expect(failed.code).toBe(1)
    expect(failed.err).toContain("libuv's headers (uv.h) is not there. As root: apt-get install libuv1-dev")
    const forbidden = await needs("nobody")
    expect(forbidden.asked).toBe("")
    expect(forbidden.err).toContain("As root: apt-get install libuv1-dev")
  })
})

describe("a source that Debian does not give", () => {
  /** An upstream archive of two files, one of them not wanted; the source as `sources.json` would have it. */
  const upstream = async () => {
    const { build, folder, path } = await bareCopy()
    await programsOf(path, ["tar", "gzip", "patch"])
    const content = "int one;\n"
    const top = join(folder, "upstream", "tiny-1.0")
    await mkdir(top, { recursive: true })
    await Bun.write(join(top, "tiny.c"), content)
    await Bun.write(join(top, "README"), "not wanted")
    const archive = join(folder, "tiny.tar.gz")
    expect(await Bun.spawn(["tar", "-czf", archive, "-C", join(folder, "upstream"), "tiny-1.0"]).exited).toBe(
      0
    )
    const sha256 = (text: string) => new Bun.CryptoHasher("sha256").update(text).digest("hex")
    const server = Bun.serve({ port: 0, hostname: "127.0.0.1", fetch: () => new Response(Bun.file(archive)) })
    onTestFinished(() => server.stop(true))
    const source = {
      name: "tiny",
      version: "1.0",
      folder: "tiny",
      debian: { package: "tiny=1.0", file: "tiny.deb" },
      sha256: "0".repeat(64),
      upstream: server.url.href,
      keep: "\\.c$",
      patches: [],
      tree: sha256(`${sha256(content)}  tiny.c\n`)
    }
    const fetchIt = (changed: object) =>
      evaluate(
        folder,
        path,
        `await m.fetchSource(${JSON.stringify({ ...source, ...changed })}).catch((e) => { console.error(e.message); process.exit(1) })`
      )
    return { build, content, fetchIt }
  }

  test("comes from upstream, unpacked and held by the hash of its tree", async () => {
    const { build, content, fetchIt } = await upstream()
    expect(await fetchIt({})).toMatchObject({ code: 0, err: "" })
    expect(await readFile(join(build, "tiny", "tiny.c"), "utf8")).toBe(content)
    expect(await readdir(join(build, "tiny"))).toEqual(["tiny.c"])
  })

  test("is refused where its tree is another one, and where nothing comes", async () => {
    const { build, fetchIt } = await upstream()
    const other = await fetchIt({ tree: "f".repeat(64) })
    expect(other.code).toBe(1)
    expect(other.out).toContain("is not tiny 1.0 as it is known")
    expect(other.err).toContain("the source of tiny 1.0 cannot be fetched")
    expect(await fetchIt({ upstream: "http://127.0.0.1:1/" })).toMatchObject({ code: 1 })
    expect((await readdir(build)).filter((name) => name === "tiny" || name === "tiny.stamp")).toEqual([])
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
