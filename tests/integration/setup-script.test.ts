import { existsSync, lstatSync, readdirSync, readFileSync, readlinkSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { describe, expect, it } from "vitest"
import { processesNaming } from "../support/Processes.ts"
import { ProjectCopy } from "../support/ProjectCopy.ts"

/** The set-up and `npm start` on a copy of the project, where pieces can be missing. */

/** Set up as `npm ci` would leave it. */
const ready = async (options?: { readonly server: boolean }): Promise<ProjectCopy> => {
  const project = new ProjectCopy(options)
  project.npm("exit 0")
  const { code, err } = await project.setUp()
  if (code !== 0) throw new Error(err)
  return project
}

/** Everything that the set-up could have changed, with the time of its last change. */
const state = (project: ProjectCopy): Readonly<Record<string, number>> =>
  Object.fromEntries(
    ["", "node_modules", "node_modules/.bin", "node_modules/bun/bin"].flatMap((folder) =>
      readdirSync(project.path(folder)).map((name) => {
        const path = join(folder, name)
        return [path, lstatSync(project.path(path)).mtimeMs] as const
      })
    )
  )

const noLock = (project: ProjectCopy) =>
  expect(readdirSync(project.folder).filter((name) => name.includes("lock"))).toEqual(["package-lock.json"])

describe("scripts/setup.mjs", () => {
  it("does what is missing and says so; a second run changes nothing and says that", async () => {
    using project = new ProjectCopy()
    project.npm("exit 0")
    const first = await project.setUp()
    expect([first.code, first.err]).toEqual([0, ""])
    expect(first.out).toMatch(/^Packages: installing .*\nPackages: done .*\nCommand `npx bunbase`: done .*\n/)
    // There is no compiler here: what was given up is not called done.
    expect(first.out).toContain("Native worker: not built, so there is no runtime quickjs-ng: ")
    expect(first.out).not.toContain("Native worker: done")
    expect(first.out).toMatch(/\nSet up \(.* s\)\.\n$/)
    expect(project.npmCalls).toEqual([expect.stringMatching(/^ci .*--ignore-scripts/)])
    expect(readlinkSync(project.path("node_modules", ".bin", "bunbase"))).toBe("../../bin/bunbase")

    const before = state(project)
    const second = await project.setUp()
    expect([second.code, second.err]).toEqual([0, ""])
    expect(second.out).toMatch(/^Set up already \(.* s\)\.\n$/)
    expect(state(project)).toEqual(before)
    expect(project.npmCalls).toHaveLength(1)
    noLock(project)
  })

  it("says nothing with --quiet where there is nothing to do", async () => {
    using project = await ready()
    expect(await project.setUp("--quiet")).toEqual({ code: 0, out: "", err: "" })
  })

  it("installs again when the lock file has changed, and puts back the command's link", async () => {
    using project = await ready()
    const lock = project.path("package-lock.json")
    writeFileSync(lock, `${readFileSync(lock, "utf8")}\n`)
    const { code, out } = await project.setUp()
    expect([code, project.npmCalls.length]).toEqual([0, 2])
    expect(out).toContain("Packages: done")
    expect((await project.setUp()).out).toContain("Set up already")
  })

  it("without npm says what to install, leaves no lock, and goes on where it was once npm is there", async () => {
    using project = new ProjectCopy()
    project.withoutNpm()
    const { code, err, out } = await project.setUp()
    expect(code).toBe(1)
    expect(err).toMatch(/^Set-up failed: npm cannot be started\.\n {2}Install npm 9 or newer/)
    expect(out).not.toContain("Set up (")
    noLock(project)
    project.npm("exit 0")
    expect((await project.setUp()).code).toBe(0)
  })

  it("notices a Bun that does not run, and mends it by installing again", async () => {
    using project = await ready()
    project.breakBun()
    project.npm(project.mending)
    const { code, out } = await project.setUp()
    expect(code).toBe(0)
    expect(out).toContain("Bun: the binary is missing or broken; installing the packages again")
    expect(out).toContain("Bun: done")
    expect((await project.setUp()).out).toContain("Set up already")
  })

  it("says so when Bun cannot be mended, with the binary and what it answered", async () => {
    using project = await ready()
    project.breakBun()
    const { code, err } = await project.setUp()
    expect(code).toBe(1)
    expect(err).toMatch(/Set-up failed: Bun \S+ does not run on this machine: status 3/)
    expect(err).toContain(`The binary is ${project.bun}`)
    noLock(project)
  })

  it.each([
    [
      "echo 'npm http fetch GET attempt 1 failed with ENOTFOUND' >&2; exit 1",
      "npm cannot reach the package registry"
    ],
    ["echo 'npm error code ENOSPC' >&2; exit 1", "the disk is full"],
    ["echo 'npm error code EUSAGE' >&2; exit 1", "package.json and package-lock.json do not agree"],
    ["echo 'something else' >&2; exit 1", "`npm ci` failed; its output is above"]
  ])("repeats what npm said and what to do about it: %s", async (does, said) => {
    using project = new ProjectCopy()
    project.npm(does)
    const { code, err } = await project.setUp()
    expect(code).toBe(1)
    expect(err).toContain(`Set-up failed: ${said}`)
    // The stamp would make the next run believe that all is well.
    expect(existsSync(project.path("node_modules", ".bunbase-setup.json"))).toBe(false)
  })

  it("refuses a Node that is too old, and says which one it needs", async () => {
    using project = await ready()
    const file = project.path("package.json")
    writeFileSync(file, readFileSync(file, "utf8").replace(/"node": ">=\d+"/, '"node": ">=999"'))
    const { code, err } = await project.setUp()
    expect(code).toBe(1)
    expect(err).toMatch(/^Set-up failed: Node 999 or newer is needed; this is v\d+/)
  })

  it("takes over the lock of a set-up that died", async () => {
    using project = new ProjectCopy()
    // It ends its own set-up, which can then give nothing back.
    project.npm("kill -KILL $PPID")
    expect((await project.setUp()).code).not.toBe(0)
    expect(readdirSync(project.folder)).toContain(".bunbase-setup.lock")
    project.npm("exit 0")
    expect((await project.setUp()).out).toContain("Set up (")
    noLock(project)
  })

  it("two at once: one works, the other waits for it", async () => {
    using project = new ProjectCopy()
    const gate = project.path("gate")
    // A pipe opens for reading when somebody opens it for writing: this npm waits for the test.
    expect(Bun.spawnSync(["mkfifo", gate]).exitCode).toBe(0)
    project.npm(`read -r _ < "${gate}"`)
    const both = [project.setUp(), project.setUp()]
    // By another process: opening waits until there is a reader.
    await Bun.spawn(["sh", "-c", `echo go > "${gate}"`]).exited
    const [one, other] = await Promise.all(both)
    expect([one?.code, other?.code]).toEqual([0, 0])
    expect(project.npmCalls).toHaveLength(1)
  })
})

describe("npm start", () => {
  it("prints a curl line that answers; Ctrl-C ends it with 0 and leaves nothing behind", async () => {
    using project = await ready({ server: true })
    project.realNpm()
    const socket = project.path("s.sock")
    // As in a terminal, where Ctrl-C reaches npm and whatever it started: a process group of their own.
    const npm = Bun.spawn(["npm", "start"], {
      cwd: project.folder,
      detached: true,
      env: {
        PATH: project.programs,
        HOME: project.folder,
        NO_COLOR: "1",
        npm_config_update_notifier: "false",
        FUNCTIONS_HTTP_PORT: "0",
        FUNCTIONS_SOCKET: socket,
        FUNCTIONS_DATA_DIR: project.path("data")
      },
      stdio: ["ignore", "pipe", "pipe"]
    })
    try {
      const errors = new Response(npm.stderr).text()
      const decoder = new TextDecoder()
      let output = ""
      let answer = ""
      for await (const chunk of npm.stdout) {
        output += decoder.decode(chunk, { stream: true })
        const line = /^\s*(curl .*)\n/m.exec(output)?.[1]
        if (line === undefined || answer !== "") continue
        // A word when it fails, so that it is told here and not as an answer that is none.
        const curl = Bun.spawn(["sh", "-c", `${line} || echo "curl ended with $?"`], {
          stdio: ["ignore", "pipe", "ignore"]
        })
        answer = await new Response(curl.stdout).text()
        process.kill(-npm.pid, "SIGINT")
      }
      if (answer === "") throw new Error(`npm start ended without a line to type:\n${output}${await errors}`)
      expect(JSON.parse(answer)).toMatchObject({ message: "Hello, Alice!" })
      expect(output).toContain("Set up already")
      expect(await npm.exited).toBe(0)
      expect((await errors).split("\n").filter((line) => !/^\S+ INFO /.test(line))).toEqual([""])
      expect(existsSync(socket)).toBe(false)
      expect(processesNaming(project.folder)).toEqual([])
      const left = readdirSync(project.path("data"), { recursive: true }).map(String)
      expect(left.filter((name) => /^tmp\/|-wal$|-shm$|\.new$/.test(name))).toEqual([])
    } finally {
      if (npm.exitCode === null) process.kill(-npm.pid, "SIGKILL")
      await npm.exited
    }
  })

  it("starts no server where the set-up fails", async () => {
    using project = await ready()
    project.breakBun()
    const { scripts } = JSON.parse(readFileSync(project.path("package.json"), "utf8")) as {
      readonly scripts: { readonly start: string }
    }
    // As npm runs it, without npm, so that nothing can mend what is broken.
    project.withoutNpm()
    const shell = Bun.spawn(["/bin/sh", "-c", scripts.start], {
      cwd: project.folder,
      env: { PATH: project.programs, HOME: project.folder },
      stdio: ["ignore", "pipe", "pipe"]
    })
    const [out, err] = await Promise.all([
      new Response(shell.stdout).text(),
      new Response(shell.stderr).text()
    ])
    expect(await shell.exited).toBe(1)
    expect(err).toContain("Set-up failed: npm cannot be started.")
    expect(out).not.toContain("is ready")
  })
})
