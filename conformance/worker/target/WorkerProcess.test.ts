import { describe, expect, it } from "vitest"
import { bench } from "../testing/bench.ts"
import { type Exit, WorkerProcess } from "./WorkerProcess.ts"

interface Heard {
  readonly lines: Array<string>
  readonly unbearable: Array<string>
  torn: string | null
}

const start = (command: string, env: Readonly<Record<string, string>> = {}) => {
  const { context, owned } = bench()
  const heard: Heard = { lines: [], unbearable: [], torn: null }
  const child = new WorkerProcess({
    command,
    folder: context.folder,
    env,
    processes: context,
    transcript: context.transcript,
    events: {
      line: (bytes) => void heard.lines.push(Buffer.from(bytes).toString()),
      unbearable: (why) => void heard.unbearable.push(why),
      ended: (_exit, torn) => {
        heard.torn = torn === null ? null : Buffer.from(torn).toString()
      }
    }
  })
  return { child, heard, owned, transcript: context.transcript }
}

const ended = async (command: string, env?: Readonly<Record<string, string>>) => {
  const { child, heard, owned } = start(command, env)
  const exit: Exit = await child.exited
  return { exit, heard, stderr: child.stderr, owned }
}

/** Whoever has ended and waits for its parent to notice is not alive. */
const isAlive = (pid: number): boolean => {
  const { stdout } = Bun.spawnSync(["ps", "-o", "stat=", "-p", String(pid)])
  const state = stdout.toString().trim()
  return state !== "" && !state.startsWith("Z")
}

describe("a worker's process", () => {
  it("has real pipes, which block, and a process group of its own", async () => {
    const { heard } = await ended(
      "sh -c 'test -p /dev/stdin && test -p /dev/stdout && echo pipes; echo $(ps -o pgid= -p $$) $$'"
    )
    const [pipes, ids = ""] = heard.lines
    const [group, pid] = ids.trim().split(/ +/)
    expect(pipes).toBe("pipes")
    expect(group).toBe(pid)
  })

  it("ends with a code or by a signal; all that it said is heard before, also a torn line", async () => {
    expect(await ended("sh -c 'printf \"a\\nb\\nc\"; exit 3'")).toMatchObject({
      exit: { code: 3, signal: null },
      heard: { lines: ["a", "b"], torn: "c" }
    })
    expect((await ended("sh -c 'kill -TERM $$'")).exit).toEqual({ code: null, signal: "SIGTERM" })
    const missing = await ended("/nowhere/at/all")
    expect(missing).toMatchObject({ exit: { code: 127 } })
    expect(missing.stderr).toContain("/nowhere/at/all")
  })

  it("gets bytes in order, and the end of its stdin behind them", async () => {
    const { child, heard } = start("cat")
    const parts = Array.from({ length: 50 }, (_, index) => `${index}:${"x".repeat(20_000)}`)
    for (const part of parts) child.write(Buffer.from(`${part}\n`))
    child.endStdin()
    expect(await child.exited).toEqual({ code: 0, signal: null })
    expect(heard.lines).toEqual(parts)
  })

  it("may be gone while there is more to write", async () => {
    const { child } = start("true")
    child.write(new Uint8Array(5_000_000))
    await child.flushed()
    expect(await child.exited).toEqual({ code: 0, signal: null })
    child.write(new Uint8Array(1))
    child.endStdin()
    await child.flushed()
  })

  it("is killed with everything that it has started, and let go", async () => {
    const { child, heard, owned } = start("sh -c 'sleep 1000 & echo $!; wait'")
    expect(owned).toEqual(new Set([child.pid]))
    await expect.poll(() => heard.lines).toHaveLength(1)
    const [pid] = heard.lines
    await child.kill()
    await expect.poll(() => isAlive(Number(pid))).toBe(false)
    expect(owned).toEqual(new Set())
    await child.kill()
  })

  it("that ended does not leave behind what it has started, though that holds its stdout", async () => {
    const { exit, heard } = await ended("sh -c 'sleep 1000 & echo $!'")
    expect(exit.code).toBe(0)
    await expect.poll(() => isAlive(Number(heard.lines[0]))).toBe(false)
  })

  it("is over though something that left its group holds its stdout and stderr", async () => {
    const { child, heard } = start("sh -c 'setsid sh -c \"echo \\$\\$; exec sleep 1000\" & read line'")
    await expect.poll(() => heard.lines).toHaveLength(1)
    child.endStdin()
    expect(await child.exited).toEqual({ code: 1, signal: null })
    process.kill(Number(heard.lines[0]), "SIGKILL")
  })

  it("that floods is killed", async () => {
    const lines = await ended("yes")
    expect(lines).toMatchObject({ exit: { signal: "SIGKILL" }, heard: { unbearable: ["flood"] } })
    expect(lines.heard.lines.length).toBeLessThanOrEqual(200_000)
    const bytes = await ended("cat /dev/zero")
    expect(bytes).toMatchObject({
      exit: { signal: "SIGKILL" },
      heard: { unbearable: ["oversize"], torn: null }
    })
    const beside = await ended("sh -c 'yes complaint >&2'")
    expect(beside).toMatchObject({ exit: { signal: "SIGKILL" }, heard: { unbearable: ["flood"] } })
  })

  it("begins behind assignments, and in another folder", async () => {
    expect(await ended("A='1  2' B=3 sh -c 'echo \"$A$B\"; kill -TERM $$'")).toMatchObject({
      exit: { code: null, signal: "SIGTERM" },
      heard: { lines: ["1  23"] }
    })
    expect(await ended("cd / && sh -c 'pwd; exit 3'")).toMatchObject({
      exit: { code: 3, signal: null },
      heard: { lines: ["/"] }
    })
  })

  it("may be behind a shell that stays, and is ended with it", async () => {
    const { child, heard } = start("{ sh -c 'echo $$; exec sleep 1000'; }")
    await expect.poll(() => heard.lines).toHaveLength(1)
    await child.kill()
    await expect.poll(() => isAlive(Number(heard.lines[0]))).toBe(false)
  })

  it("has its stderr kept within bounds", async () => {
    const { stderr } = await ended("sh -c 'yes complaint | head -c 1000000 >&2; echo at the end >&2'")
    expect(stderr.length).toBeLessThan(20_000)
    expect(stderr).toMatch(/^complaint\n[^]*… \d+ bytes cut …[^]*at the end\n$/)
  })

  it("may be left unread for a while", async () => {
    const { child, heard } = start(
      'sh -c \'echo first; head -c 100000 /dev/zero | tr "\\0" "\\n"; echo last\''
    )
    child.pause()
    child.resume()
    child.pause()
    setImmediate(() => child.resume())
    await child.exited
    expect(heard.lines).toHaveLength(100_002)
    expect([heard.lines[0], heard.lines.at(-1)]).toEqual(["first", "last"])
  })

  it("has the suite's environment without a host's own variables, and what is given", async () => {
    process.env["BUNBASE_PROTOCOL_FD"] = "9"
    const { heard } = await ended(
      "sh -c 'echo $GIVEN $BUNBASE_PROTOCOL_FD; test -n \"$PATH\" && echo path'",
      {
        GIVEN: "given"
      }
    ).finally(() => delete process.env["BUNBASE_PROTOCOL_FD"])
    expect(heard.lines).toEqual(["given", "path"])
  })
})
