import { Effect, Either } from "effect"
import fc from "fast-check"
import { describe, expect, it } from "vitest"
import { argument, command, option, type Parsed, repeatedOption, toggle } from "./CommandLine.ts"
import { readArguments } from "./readArguments.ts"

const parameters = {
  name: argument("NAME", "a name"),
  version: option("version", "LABEL", "a label"),
  "log-level": option("log-level", "LEVEL", "a level"),
  runtime: option("runtime", "NAME", "a runtime", { choices: ["bun", "quickjs-ng"] }),
  data: option("data", "DATA", "data", { alias: "d" }),
  header: repeatedOption("header", "H", "headers", "H"),
  json: toggle("json", "JSON", "j")
}
const withFile = { ...parameters, file: argument("FILE", "a file") }
type Seen = Parsed<typeof withFile>

/** What the command's `run` gets for these tokens, or the words of the refusal. */
const parse = (...tokens: ReadonlyArray<string>) => parseBy(parameters, tokens)
const parseTwo = (...tokens: ReadonlyArray<string>) => parseBy(withFile, tokens)

const parseBy = async (
  parameters: Parameters<typeof command>[0]["parameters"],
  tokens: ReadonlyArray<string>
): Promise<Partial<Seen> | string> => {
  let seen: object | undefined
  const spec = command({
    name: "try",
    summary: "tries",
    parameters,
    examples: ["bunbase try x"],
    run: (parsed) => Effect.sync(() => void (seen = parsed))
  })
  const read = readArguments("bunbase try", spec, tokens)
  if (Either.isLeft(read)) return read.left.message
  if (read.right.helpWanted) return "help"
  const result = await Effect.runPromise(Effect.either(spec.run(read.right.args)))
  if (Either.isLeft(result)) return result.left.message
  return Object.fromEntries(
    Object.entries(seen ?? {}).filter(
      ([, value]) => value !== undefined && value !== false && !isEmpty(value)
    )
  )
}
const isEmpty = (value: unknown) => Array.isArray(value) && value.length === 0

describe("readArguments", () => {
  it("tells all faults of the flags at once", async () => {
    const words = await parse("--frob", "1", "--jsn", "--data", "--json", "--runtime", "node", "-j", "-j")
    expect(String(words).split("\n")).toEqual([
      "error: the command line has 6 faults; nothing was done",
      "  - bunbase try has no flag --frob; see its flags with: bunbase try --help",
      "  - bunbase try has no flag --jsn; did you mean --json?",
      "  - --data needs a value: --data DATA; if --json is the value, write --data=--json; see: bunbase try --help",
      expect.stringContaining('--runtime cannot be "node"; '),
      "  - -j is given twice; see: bunbase try --help",
      "  - -j is given twice; see: bunbase try --help"
    ])
  })

  it("takes flags before, between and behind the arguments", async () => {
    const expected = { name: "a", file: "b", data: "x", json: true }
    expect(await parseTwo("a", "b", "--data", "x", "--json")).toEqual(expected)
    expect(await parseTwo("--json", "a", "--data", "x", "b")).toEqual(expected)
    expect(await parseTwo("--data=x", "--json", "a", "b")).toEqual(expected)
  })

  it("takes short flags with the value behind them or on them", async () => {
    expect(await parse("a", "-d", "x", "-j")).toEqual({ name: "a", data: "x", json: true })
    expect(await parse("a", "-dx")).toEqual({ name: "a", data: "x" })
    expect(await parse("a", "-HA: 1", "-H", "B: 2", "--header=C: 3")).toEqual({
      name: "a",
      header: ["A: 1", "B: 2", "C: 3"]
    })
  })

  it("takes the names that @effect/cli keeps for itself", async () => {
    expect(await parse("a", "--version", "v2", "--log-level=debug")).toEqual({
      name: "a",
      version: "v2",
      "log-level": "debug"
    })
  })

  it("takes any value: empty, a dash, with dashes, with equals signs", async () => {
    expect(await parse("a", "--data", "")).toEqual({ name: "a", data: "" })
    expect(await parse("a", "--data=")).toEqual({ name: "a", data: "" })
    expect(await parse("a", "--data", "-")).toEqual({ name: "a", data: "-" })
    expect(await parse("a", "--data", "-5")).toEqual({ name: "a", data: "-5" })
    expect(await parse("a", "--data=--json")).toEqual({ name: "a", data: "--json" })
    expect(await parse("a", "--data=x=y=z")).toEqual({ name: "a", data: "x=y=z" })
  })

  it("takes everything behind -- as arguments", async () => {
    expect(await parseTwo("--json", "--", "--name", "-f")).toEqual({ name: "--name", file: "-f", json: true })
    expect(await parse("-", "--")).toEqual({ name: "-" })
  })

  it("gives help wherever it is asked for", async () => {
    expect(await parse("--help")).toBe("help")
    expect(await parseTwo("a", "b", "c", "-h")).toBe("help")
    expect(await parse("--", "--help")).toEqual({ name: "--help" })
  })

  it.each([
    [["--vrsion", "x", "a"], "has no flag --vrsion", "did you mean --version?"],
    [["a", "--nothing-near-at-all"], "has no flag --nothing-near-at-all", "bunbase try --help"],
    [["a", "-x"], "has no flag -x", "--help"],
    [[], "needs NAME: a name", "for example: bunbase try x"],
    [["a", "c"], 'takes NAME; "c" is one too many', "--help"],
    [["a", "--data"], "--data needs a value: --data DATA", "--help"],
    [["a", "--data", "--json"], "if --json is the value, write --data=--json", "--help"],
    [["a", "--json=1"], "--json takes no value", "--help"],
    [["a", "--data", "1", "--data", "2"], "--data is given twice", "--help"],
    [["a", "--runtime", "bum"], '--runtime cannot be "bum"', "did you mean bun?"]
  ])("refuses %j", async (tokens, what, next) => {
    const words = await parse(...tokens)
    expect(words).toContain(what)
    expect(words).toContain(next)
  })

  it("brings every value through, whatever it is", async () => {
    const text = fc.string({ unit: "binary" })
    await fc.assert(
      fc.asyncProperty(text, text, fc.array(text, { maxLength: 4 }), async (data, name, headers) => {
        const tokens = [`--data=${data}`, ...headers.map((header) => `--header=${header}`), "--", name]
        const expected = { name, data, ...(headers.length === 0 ? {} : { header: headers }) }
        expect(await parse(...tokens)).toEqual(expected)
      })
    )
  })
})
