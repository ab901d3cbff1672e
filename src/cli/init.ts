import { Effect } from "effect"
import { mkdir, writeFile } from "node:fs/promises"
import { isAbsolute, join } from "node:path"
import { argument, command, option, toggle } from "./CommandLine.ts"
import { missingRuntimes, RUNTIMES } from "./buildFunction.ts"
import { CliFailure, ExitCode, usage } from "./CliFailure.ts"
import { commandWord, shellWord } from "./commandWord.ts"
import { print } from "./Output.ts"

export const init = command({
  name: "init",
  summary: "start a new function from a small template",
  parameters: {
    name: argument("NAME", "the function's name: lower-case letters, digits and hyphens"),
    runtime: option("runtime", "NAME", "What it is to run on.", {
      choices: RUNTIMES,
      refused: missingRuntimes,
      fallback: "bun"
    }),
    dir: option("dir", "FOLDER", "Where it is written.", { fallback: "a new folder of the function's name" }),
    force: toggle("force", "Write over files that are there already.")
  },
  examples: ["bunbase fn init hello", "bunbase fn init hello --dir functions/hello --runtime quickjs-ng"],
  run: ({ name, runtime, dir, force }) =>
    Effect.gen(function* () {
      if (!/^[a-z0-9][a-z0-9-]{0,62}$/.test(name)) {
        return yield* usage(
          `"${name}" cannot be a function's name`,
          "use 1 to 63 lower-case letters, digits and hyphens, beginning with a letter or digit"
        )
      }
      const folder = dir ?? name
      const file = join(folder, "index.ts")
      // With its dot it cannot be taken for a name, and works as typed.
      const typed = shellWord(isAbsolute(folder) || /^\.\.?(\/|$)/.test(folder) ? folder : `./${folder}`)
      const program = commandWord()
      yield* Effect.tryPromise({
        try: async () => {
          await mkdir(folder, { recursive: true })
          await writeFile(file, template(name, runtime ?? "bun"), { flag: force ? "w" : "wx" })
        },
        catch: (cause) => notWritten(file, cause)
      })
      const runtimeFlag = runtime === undefined || runtime === "bun" ? "" : ` --runtime ${runtime}`
      yield* print(
        [
          `wrote ${file}`,
          "",
          "next:",
          `  ${program} fn deploy ${name} ${typed}${runtimeFlag}`,
          `  ${program} fn invoke ${name} --path '/?name=you'`,
          ""
        ].join("\n")
      )
    })
})

const notWritten = (file: string, cause: unknown): CliFailure => {
  const code = cause instanceof Error && "code" in cause ? cause.code : undefined
  return code === "EEXIST" || code === "ENOTDIR"
    ? new CliFailure({
        exitCode: ExitCode.failed,
        what: `${file} is there already; nothing was written`,
        next: "choose another folder with --dir, or write over it with --force"
      })
    : new CliFailure({
        exitCode: ExitCode.failed,
        what: `cannot write ${file}: ${cause instanceof Error ? cause.message : String(cause)}`,
        next: "choose another folder with --dir"
      })
}

const template = (
  name: string,
  runtime: string
): string => `// ${name}: a function for BunBase Functions${runtime === "bun" ? "" : ` on ${runtime}`}.
//
// It gets a standard Request and answers with a standard Response:
//   https://developer.mozilla.org/docs/Web/API/Request
//
//   bunbase fn deploy ${name} .${runtime === "bun" ? "" : ` --runtime ${runtime}`}
//   bunbase fn invoke ${name} --path '/?name=you'

export default async function handler(req: Request): Promise<Response> {
  const url = new URL(req.url)

  if (req.method !== "GET" && req.method !== "HEAD") {
    return Response.json({ error: "use GET" }, { status: 405, headers: { allow: "GET, HEAD" } })
  }

  const name = url.searchParams.get("name") ?? "World"
  console.log(\`greeting \${name}\`) // goes to the function's log
  return Response.json({ message: \`Hello, \${name}!\`, timestamp: new Date().toISOString() })
}
`
