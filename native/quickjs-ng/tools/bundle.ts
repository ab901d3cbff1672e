/**
 * Bundles each segment of the library, `js/segments/NAME.ts`, to one ES module `OUT/NAME.js`:
 *
 *   bun tools/bundle.ts OUT
 *
 * What lies in `js/NAME/` belongs to segment NAME alone: another segment reaches it only by `import … from
 * "bunbase:NAME"`, else there would be two of each class. Any other folder of `js/` (webidl) holds helpers without state,
 * which every segment gets a copy of.
 */
import fs from "node:fs"
import path from "node:path"
import { adaptStreamsLibrary } from "./streamsLibrary.ts"

const js = path.resolve(import.meta.dirname, "../js")
const out = path.resolve(process.argv[2] ?? "")
if (process.argv[2] === undefined) throw new Error("usage: bun tools/bundle.ts OUT")

const names = fs
  .readdirSync(path.join(js, "segments"))
  .filter((name) => name.endsWith(".ts"))
  .map((name) => name.slice(0, -3))
  .toSorted()

const boundary = (segment: string): Bun.BunPlugin => ({
  name: "segments",
  setup(build) {
    build.onResolve({ filter: /^bunbase:/ }, ({ path: wanted }) => {
      const name = wanted.slice("bunbase:".length)
      if (name !== "native" && !names.includes(name)) throw new Error(`there is no segment ${wanted}`)
      if (name === segment) throw new Error(`segment ${segment} imports itself; use a relative path`)
      return { path: wanted, external: true }
    })
    build.onLoad({ filter: /web-streams-polyfill\/dist\/ponyfill\.mjs$/ }, ({ path: file }) => ({
      contents: adaptStreamsLibrary(fs.readFileSync(file, "utf8"), path.join(js, "streams/slots.ts")),
      loader: "js"
    }))
    build.onLoad({ filter: /\.ts$/ }, ({ path: file }) => {
      const [folder] = path.relative(js, file).split(path.sep)
      const foreign = folder !== undefined && folder !== segment && names.includes(folder)
      if (foreign) {
        throw new Error(
          `segment ${segment} reaches ${path.relative(js, file)}: write import … from "bunbase:${folder}"`
        )
      }
      return { contents: fs.readFileSync(file, "utf8"), loader: "ts" }
    })
  }
})

fs.mkdirSync(out, { recursive: true })
for (const name of names) {
  const built = await Bun.build({
    entrypoints: [path.join(js, "segments", `${name}.ts`)],
    format: "esm",
    target: "browser",
    minify: { whitespace: true, syntax: true, identifiers: false },
    tsconfig: path.join(js, "tsconfig.json"),
    plugins: [boundary(name)],
    throw: false
  })
  if (!built.success) {
    for (const log of built.logs) process.stderr.write(`${String(log)}\n`)
    process.exit(1)
  }
  const text = await (built.outputs[0] as Bun.BuildArtifact).text()
  const file = path.join(out, `${name}.js`)
  // what did not change keeps its time, and is not compiled again
  if (!fs.existsSync(file) || fs.readFileSync(file, "utf8") !== text) fs.writeFileSync(file, text)
}
for (const stale of fs.readdirSync(out)) {
  if (stale.endsWith(".js") && !names.includes(stale.slice(0, -3))) fs.rmSync(path.join(out, stale))
}
