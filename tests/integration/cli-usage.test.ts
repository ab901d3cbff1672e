import { existsSync, readFileSync } from "node:fs"
import { dirname, join } from "node:path"
import { fileURLToPath } from "node:url"
import { afterAll, describe, expect, it } from "vitest"
import { defaultText } from "../../src/config/defaultText.ts"
import { serverOptions } from "../../src/config/OptionTable.ts"
import { defaultOptions } from "../../src/config/ServerConfig.ts"
import { cli, cliEnvironment, newFolder, program } from "../support/Cli.ts"

const folder = newFolder()
afterAll(folder.remove)

/** An error is words for people: what happened, what to do next, no stack. */
const expectWords = (stderr: string) => {
  expect(stderr).toMatch(/^error: .+\n/)
  expect(stderr).not.toMatch(/\n\s+at /)
  expect(stderr).not.toContain("node_modules")
}

/** A failure as it is told without `--json`; with it, it is one JSON object. */
const wordsOf = (stderr: string): string => {
  if (!stderr.startsWith("{")) return stderr
  const { error } = JSON.parse(stderr) as { error: { message: string; next?: string; exit_code: number } }
  return `error: ${error.message}\n${error.next ?? ""}\n`
}

describe.concurrent("help", () => {
  it("is there for the program, the group and every command, with examples", async () => {
    const all = await cli(["--help"])
    expect(all).toMatchObject({ code: 0, stderr: "" })
    for (const name of [
      "serve",
      "config",
      "fn init",
      "fn build",
      "fn deploy",
      "fn list",
      "fn get",
      "fn versions"
    ]) {
      expect(all.stdout).toContain(`  ${name}`)
    }
    expect((await cli(["functions", "-h"])).stdout).toContain("  invoke ")
    for (const path of [["serve"], ["config"], ["fn", "deploy"], ["functions", "invoke"]]) {
      const help = await cli([...path, "--help"])
      expect(help).toMatchObject({ code: 0, stderr: "" })
      expect(help.stdout).toContain(`Usage:\n  bunbase ${path.join(" ")}`)
      expect(help.stdout).toMatch(/\nExamples:\n {2}\S/)
      expect(Math.max(...help.stdout.split("\n").map((line) => line.length))).toBeLessThanOrEqual(120)
    }
    expect((await cli(["help", "fn", "get"])).stdout).toBe((await cli(["fn", "get", "--help"])).stdout)
  })

  it("wins over what else is wrong", async () => {
    expect(await cli(["fn", "deploy", "--help", "--nonsense"])).toMatchObject({ code: 0, stderr: "" })
  })

  it("goes to stderr with exit code 2 where a command is missing", async () => {
    for (const args of [[], ["fn"]]) {
      const result = await cli(args)
      expect(result).toMatchObject({ code: 2, stdout: "" })
      expect(result.stderr).toContain("Usage:")
    }
  })

  it("has every option of the server as a flag of serve, and no secret among them", async () => {
    const { stdout } = await cli(["serve", "--help"])
    for (const flag of [
      "--config",
      "--data-dir",
      "--http-port",
      "--log-level",
      "--max-queue-wait-seconds",
      "--examples"
    ]) {
      expect(stdout).toContain(`      ${flag}`)
    }
    expect(stdout).not.toContain("--api-key")
  })
})

describe.concurrent("help on values and defaults", () => {
  const joined = async (...args: ReadonlyArray<string>) =>
    (await cli([...args, "--help"])).stdout.replaceAll(/\s+/g, " ")

  it("marks the runtime that this installation lacks", async () => {
    const help = await joined("fn", "deploy")
    const mark = existsSync(defaultOptions().quickjsWorker) ? "" : " (not in this installation)"
    expect(help).toContain(`One of: bun, quickjs-ng${mark}.`)
    expect(help).toContain(
      "One of: strict, permissive, custom. Default: permissive on bun, strict on quickjs-ng."
    )
  })

  it("shows the default of every option of the server, and of a function's settings", async () => {
    const help = await joined("serve")
    for (const option of serverOptions.filter(({ flag }) => flag !== null)) {
      expect(help).toContain(`Default: ${defaultText(option)}. (${option.env})`)
    }
    const deploy = await joined("fn", "deploy")
    expect(deploy).toContain(
      "Memory of one worker; beyond it the worker is ended (FN_003). Default: the server's --memory-mb, 256 unless set."
    )
    expect(await joined("fn", "invoke")).toContain("Default: /tmp/functions.sock.")
  })
})

describe("--version", () => {
  it("prints the version of the package", async () => {
    const manifest = fileURLToPath(new URL("../../package.json", import.meta.url))
    const { version } = JSON.parse(readFileSync(manifest, "utf8")) as { version: string }
    for (const flag of ["--version", "-v"])
      expect(await cli([flag])).toMatchObject({ code: 0, stdout: `${version}\n`, stderr: "" })
  })
})

// Each is a process of its own: several at once, so that the other core has something to do.
describe.concurrent("a wrong command line", () => {
  it.each([
    [["srve"], 'there is no command "srve"', "did you mean: bunbase serve?"],
    [["deploy", "x", "y"], 'there is no command "deploy"', "did you mean: bunbase fn deploy?"],
    [["fn", "depoly"], 'there is no command "bunbase fn depoly"', "did you mean: bunbase fn deploy?"],
    [["functions", "zzz"], 'there is no command "bunbase functions zzz"', "bunbase functions --help"],
    [["--jsn"], "bunbase has no flag --jsn", "bunbase --help"],
    [["--verson"], "bunbase has no flag --verson", "did you mean --version?"],
    [["version"], 'there is no command "version"', "did you mean: bunbase --version?"],
    [["serve", "--port", "1"], "bunbase serve has no flag --port", "did you mean --http-port?"],
    [["serve", "--host", "::1"], "bunbase serve has no flag --host", "did you mean --http-host?"],
    [["serve", "--workers=3"], "bunbase serve has no flag --workers", "did you mean --max-workers?"],
    [["fn", "remove", "x"], 'there is no command "bunbase fn remove"', "did you mean: bunbase fn delete?"],
    [["delete", "x"], 'there is no command "delete"', "did you mean: bunbase fn delete?"],
    [["fn", "revert", "x"], 'there is no command "bunbase fn revert"', "did you mean: bunbase fn rollback?"],
    [["fn", "logs", "x"], "in this version", "folder logs of the data folder"],
    [["fn", "ls"], 'there is no command "bunbase fn ls"', "did you mean: bunbase fn list?"],
    [["call", "x"], 'there is no command "call"', "did you mean: bunbase fn invoke?"],
    [["fn", "--json", "list"], "bunbase fn has no flag --json", "behind the command"],
    [["fn", "list", "--jsn"], "bunbase fn list has no flag --jsn", "did you mean --json?"],
    [["fn", "list", "-z"], "bunbase fn list has no flag -z", "bunbase fn list --help"],
    [["fn", "list", "x"], 'takes no arguments; "x" is one too many', "--help"],
    [["fn", "get"], "bunbase fn get needs NAME", "for example: bunbase fn get hello"],
    [
      ["fn", "deploy", "hello"],
      "bunbase fn deploy needs FILE|FOLDER",
      "for example: bunbase fn deploy hello hello.ts"
    ],
    [["fn", "get", "a", "b"], '"b" is one too many', "--help"],
    [["fn", "get", "a", "--socket"], "--socket needs a value: --socket PATH", "--help"],
    [["fn", "get", "a", "--socket", "--json"], "write --socket=--json", "--help"],
    [["fn", "get", "a", "--json=yes"], "--json takes no value", "--help"],
    [["fn", "get", "a", "--json", "--json"], "--json is given twice", "--help"],
    [
      ["fn", "deploy", "a", "b", "--runtime", "quickjs"],
      '--runtime cannot be "quickjs"',
      "did you mean quickjs-ng?"
    ],
    [["fn", "deploy", "a", "b", "--profile", "xx"], '--profile cannot be "xx"', "strict, permissive, custom"],
    [
      ["fn", "deploy", "a", "b", "--env", "NOPE"],
      '--env needs NAME=VALUE, not "NOPE"',
      "--env GREETING=hello"
    ],
    [["fn", "invoke", "a", "-H", "nocolon"], 'this is not a header: "nocolon"', "name: value"],
    [["fn", "invoke", "a", "--path", "x"], '--path must begin with "/"', "did you mean /x?"],
    [["fn", "invoke", "a", "--method", "GE T"], '--method cannot be "GE T"', "GET, POST"],
    [["fn", "list", "--url", "localhost:8080"], '--url cannot be "localhost:8080"', "http://127.0.0.1:8080"],
    [
      ["fn", "invoke", "hello", "--url", "http://127.0.0.1:8080/functions/hello"],
      'and "http://127.0.0.1:8080/functions/hello" is that of a function',
      "use: --url http://127.0.0.1:8080\n"
    ],
    [
      ["fn", "list", "--url", "https://one.example/base/api/functions"],
      "is that of the management API",
      "use: --url https://one.example/base\n"
    ],
    [["fn", "list", "--url", "http://x", "--socket", "y"], "--socket and --url exclude each other", ""],
    [["fn", "list", "--api-key", "x"], "--api-key is for --url", ""],
    [["--completions", "csh"], "--completions needs the name of a shell", "bash, zsh, fish"]
  ])("%j: says what is wrong and what to do", async (args, what, next) => {
    const { code, stderr, stdout } = await cli(args)
    expect({ code, stdout }).toEqual({ code: 2, stdout: "" })
    const words = wordsOf(stderr)
    expectWords(words)
    expect(words).toContain(what)
    expect(words).toContain(next)
  })

  it("lists everything that is wrong with a function's settings", async () => {
    const { code, stderr } = await cli([
      "fn",
      "deploy",
      "Bad Name",
      "x.ts",
      "--memory-mb",
      "lots",
      "--warm-workers",
      "-1",
      "--env",
      "BUNBASE_X=1",
      "--handler",
      "a-b"
    ])
    expect(code).toBe(2)
    expectWords(stderr)
    for (const label of ["NAME: ", "--memory-mb: ", "--warm-workers: ", "--env BUNBASE_X: ", "--handler: "]) {
      expect(stderr).toContain(`  - ${label}`)
    }
  })
})

describe.concurrent("config", () => {
  it("shows the options in force and where each comes from", async () => {
    const { code, stdout } = await cli(["config", "--http-port", "9001"], {
      cwd: folder.path,
      env: { FUNCTIONS_MAX_WORKERS: "7", FUNCTIONS_API_KEY: "0123456789abcdef0123" }
    })
    expect(code).toBe(0)
    expect(stdout).toMatch(/http_port +9001 +--http-port/)
    expect(stdout).toMatch(/max_workers +7 +FUNCTIONS_MAX_WORKERS/)
    expect(stdout).toMatch(/log_level +info +default/)
    expect(stdout).toContain(join(folder.path, "data"))
    expect(stdout).not.toContain("0123456789abcdef")
  })

  it("prints JSON", async () => {
    const { stdout } = await cli(["config", "--json", "--log-level=debug"])
    expect(JSON.parse(stdout).log_level).toEqual({ value: "debug", source: "flag", from: "--log-level" })
  })

  it.each([["config"], ["serve"]])("%s: reports faults of flags and of values at once", async (command) => {
    const { code, stderr, stdout } = await cli(
      [command, "--http-port", "99999", "--frob", "--max-workers", "-3", "--max-wokers-total=1"],
      { cwd: folder.path, env: { FUNCTIONS_MAX_WORKRS: "1" } }
    )
    expect({ code, stdout }).toEqual({ code: 2, stdout: "" })
    expect(stderr.split("\n")).toEqual([
      "error: the command line has 5 faults; nothing was done",
      `  - bunbase ${command} has no flag --frob; see its flags with: bunbase ${command} --help`,
      `  - bunbase ${command} has no flag --max-wokers-total; did you mean --max-workers-total?`,
      "  - FUNCTIONS_MAX_WORKRS: there is no such variable; did you mean FUNCTIONS_MAX_WORKERS?",
      '  - http_port = "99999" (--http-port): use a whole number from 0 to 65535',
      '  - max_workers = "-3" (--max-workers): use a whole number from 1 to 1000',
      ""
    ])
  })

  it.each([
    ["/nope", "there is no such file; correct the path"],
    [".", "this is not a program that can be run; correct the path"]
  ])("refuses a QuickJS-NG worker that is none: %s", async (worker, why) => {
    const { code, stderr, stdout } = await cli(["serve", "--quickjs-worker", worker], { cwd: folder.path })
    expect({ code, stdout }).toEqual({ code: 2, stdout: "" })
    const path = worker === "." ? folder.path : worker
    expect(stderr).toContain(`  - quickjs_worker = "${path}" (--quickjs-worker): ${why}`)
    expect(existsSync(join(folder.path, "data"))).toBe(false)
  })

  it.each([["config"], ["serve"]])("%s: reports every fault with exit code 2", async (command) => {
    const { code, stderr, stdout } = await cli([command, "--http-port", "x", "--log-level", "loud"], {
      env: { FUNCTIONS_MEMROY_MB: "5" }
    })
    expect({ code, stdout }).toEqual({ code: 2, stdout: "" })
    expectWords(stderr)
    for (const words of ["http_port", "log_level", "did you mean FUNCTIONS_MEMORY_MB?"])
      expect(stderr).toContain(words)
  })

  it("only serve says that nothing was started", async () => {
    const wrong = ["--http-port", "x"]
    expect((await cli(["config", ...wrong])).stderr).toMatch(/^error: the configuration has a fault\n/)
    expect((await cli(["serve", ...wrong])).stderr).toMatch(
      /^error: the configuration has a fault; nothing was started\n/
    )
  })

  it.each([["config"], ["serve"]])("%s: refuses a socket in a folder that is not there", async (command) => {
    const typo = join(folder.path, "tpyo")
    const data = join(folder.path, `unused-${command}`)
    const { code, stderr } = await cli([command, "--socket", join(typo, "f.sock"), "--data-dir", data])
    expect(code).toBe(2)
    expect(stderr).toContain(`there is no folder ${typo}; correct the path, or make the folder first`)
    expect([typo, data].filter((path) => existsSync(path))).toEqual([])
  })
})

describe.concurrent("no server", () => {
  it.each([
    ["list", []],
    ["get", ["a"]],
    ["versions", ["a"]],
    ["invoke", ["a"]]
  ])("fn %s: says so with exit code 3", async (name, args) => {
    for (const where of [
      ["--socket", join(folder.path, "none.sock")],
      ["--url", "http://127.0.0.1:9"]
    ]) {
      const { code, stderr, stdout } = await cli(["fn", name, ...args, ...where])
      expect({ code, stdout }).toEqual({ code: 3, stdout: "" })
      expectWords(stderr)
      expect(stderr).toContain(where[1])
      expect(stderr).toContain("bunbase serve")
    }
  })

  it("names the folder of a mistyped socket path, and makes none", async () => {
    const socket = join(folder.path, "typo", "functions.sock")
    const { code, stderr } = await cli(["fn", "list", "--socket", socket])
    expect(code).toBe(3)
    expect(stderr).toBe(
      `error: no server can be listening on ${socket}, there is no folder ${dirname(socket)}\n` +
        "  use the path that the server was started with\n"
    )
    expect(existsSync(dirname(socket))).toBe(false)
  })

  it("names the limit that a socket's path is over", async () => {
    const long = `/tmp/${"x".repeat(103)}`
    for (const [given, args, env] of [
      ["--socket", ["--socket", long], {}],
      ["FUNCTIONS_SOCKET", [], { FUNCTIONS_SOCKET: long }]
    ] as const) {
      const { code, stderr } = await cli(["fn", "list", ...args], { env })
      expect(code).toBe(2)
      expect(stderr).toBe(
        `error: ${given} cannot be "${long}": a socket's path has at most 107 bytes, and this one has 108\n` +
          "  give the path that the server was started with\n"
      )
    }
  })

  it("takes the socket's path from the environment", async () => {
    const socket = join(folder.path, "elsewhere.sock")
    const { code, stderr } = await cli(["fn", "list"], { env: { FUNCTIONS_SOCKET: socket } })
    expect(code).toBe(3)
    expect(stderr).toContain(socket)
  })
})

describe("completions", () => {
  /** What bash offers for the last word. */
  const complete = async (...words: ReadonlyArray<string>): Promise<ReadonlyArray<string>> => {
    const quoted = words.map((word) => `'${word}'`).join(" ")
    const script = `source <("${program}" --completions bash); COMP_WORDS=(${quoted}); COMP_CWORD=${words.length - 1}
      _bunbase; printf '%s\\n' "\${COMPREPLY[@]}"`
    const child = Bun.spawn(["bash", "-c", script], { env: cliEnvironment(), stdin: "ignore" })
    return (await child.stdout.text()).split("\n").filter((word) => word !== "")
  }

  it("complete commands, flags and choices in bash", async () => {
    expect(await complete("bunbase", "")).toEqual(
      expect.arrayContaining(["serve", "config", "fn", "functions"])
    )
    expect(await complete("bunbase", "fn", "ver")).toEqual(["versions"])
    expect(await complete("bunbase", "functions", "deploy", "--ver")).toEqual(["--version"])
    expect(await complete("bunbase", "fn", "deploy", "--runtime", "q")).toEqual(["quickjs-ng"])
  })

  it("are made for zsh and fish", async () => {
    expect((await cli(["--completions", "zsh"])).stdout).toContain("bashcompinit")
    const { stdout } = await cli(["--completions", "fish"])
    for (const line of stdout.trim().split("\n")) {
      expect(line).toMatch(/^complete -c bunbase /)
      expect(line.replaceAll("\\'", "").split("'").length % 2).toBe(1)
    }
  })
})

describe("a pipe that is closed", () => {
  it("ends the program quietly", async () => {
    const run = `"${program}" config --json | head -c 1; echo " \${PIPESTATUS[0]}"`
    const child = Bun.spawn(["bash", "-c", run], { env: cliEnvironment(), stdin: "ignore", stderr: "pipe" })
    const [stdout, stderr] = await Promise.all([child.stdout.text(), child.stderr.text()])
    expect(stdout).toBe("{ 0\n")
    expect(stderr).toBe("")
  })
})
