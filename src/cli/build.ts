import { Effect } from "effect"
import { mkdir, writeFile } from "node:fs/promises"
import { join } from "node:path"
import { argument, command, option, toggle } from "./CommandLine.ts"
import { buildFunction, RUNTIMES } from "./buildFunction.ts"
import { CliFailure, ExitCode } from "./CliFailure.ts"
import { note, plural, print, printJson, showBytes } from "./Output.ts"

export const build = command({
  name: "build",
  summary: "bundle a function into one file, without deploying it",
  details: [
    "Everything that the function imports goes into the bundle; only Bun's built-in modules stay outside. In a folder the " +
      "entry is `module` or `main` of package.json, else index, function or handler with .ts .tsx .mts .cts .js .jsx .mjs .cjs."
  ],
  parameters: {
    source: argument("FILE|FOLDER", "the function's source"),
    outdir: option("outdir", "FOLDER", "Where bundle.js and bundle.js.map are written.", {
      fallback: "dist"
    }),
    runtime: option("runtime", "NAME", "What it is built for.", { choices: RUNTIMES, fallback: "bun" }),
    handler: option("handler", "EXPORT", "The export that handles requests, where there is no default one.", {
      fallback: "handler"
    }),
    json: toggle("json", "Print the result as JSON.")
  },
  examples: [
    "bunbase fn build hello.ts --outdir dist",
    "bunbase fn build ./my-function --runtime quickjs-ng"
  ],
  run: ({ source, outdir, runtime, handler, json }) =>
    Effect.gen(function* () {
      const bundle = yield* buildFunction(source, runtime)
      const folder = outdir ?? "dist"
      const file = join(folder, "bundle.js")
      yield* Effect.tryPromise({
        try: async () => {
          await mkdir(folder, { recursive: true })
          await writeFile(file, bundle.code)
          await writeFile(`${file}.map`, bundle.sourceMap)
        },
        catch: (cause) =>
          new CliFailure({
            exitCode: ExitCode.failed,
            what: `cannot write to ${folder}: ${cause instanceof Error ? cause.message : String(cause)}`,
            next: "choose another folder with --outdir"
          })
      })
      const { exports, inputs, sizeBytes, sha256 } = bundle
      if (json)
        yield* printJson({
          bundle: file,
          source_map: `${file}.map`,
          size_bytes: sizeBytes,
          sha256,
          inputs,
          exports
        })
      else yield* print(`${file}  ${showBytes(sizeBytes)} from ${plural(inputs.length, "file")}\n`)
      const wanted = handler ?? "handler"
      if (!exports.includes("default") && !exports.includes(wanted)) {
        yield* note(
          `warning: it exports neither a default handler nor "${wanted}", and cannot be deployed like this`
        )
      }
    })
})
