// Versions: identity, labels, what is kept, what is mended (LC-010 to LC-019).
import { createHash } from "node:crypto"
import { readFile, rm, writeFile } from "node:fs/promises"
import { join } from "node:path"
import { check, refused } from "../check.ts"
import { casesOf } from "../define.ts"
import type { Door, FunctionView } from "../Door.ts"
import { gatedFn, gatedSource, say, tryDeploy } from "../lifecycle/gated.ts"

const { add, all: versionCases, each } = casesOf("lifecycle", ["http"])
export { versionCases }

export interface VersionView {
  readonly version: string
  readonly active: boolean
  readonly sha256: string
  readonly size_bytes: number
  readonly bundle_path: string
}

export const versionsOf = async (door: Door, name: string): Promise<ReadonlyArray<VersionView>> => {
  const response = await door.api("GET", `/functions/${name}/versions`)
  check("the status of its versions", 200, response.status)
  return (response.json() as { readonly versions: ReadonlyArray<VersionView> }).versions
}

const sumOf = (bytes: Uint8Array | string): string => createHash("sha256").update(bytes).digest("hex")

/** Bundles in which a helpful server could find something to improve. */
const CONTENTS = {
  plain: 'export default () => new Response("ok " + JSON.stringify(process.env))',
  spaces: "\n\n  export default () => new Response('x')   \n\n\n",
  crlf: "export default () =>\r\n  new Response('x')\r\n",
  bom: "\uFEFFexport default () => new Response('x')",
  astral: "export default () => new Response('€ 😀 \u2028 é é')",
  map: "export default () => new Response('x')\n//# sourceMappingURL=bundle.js.map\n"
}

add(
  "identity",
  "A version's sha256 is that of the bytes that were sent as text, as a form, by the socket, or named by a path",
  ["LC-010"],
  { traits: ["local", "socket"], timeoutMs: 60_000 },
  async (bench) => {
    const { server } = bench
    check(
      "the example of the specification",
      "a9f165e9a8132bd29728d4bc8a2971371b53b4f3089d13e6be009936385948f1",
      sumOf(CONTENTS.plain)
    )
    const name = server.name()
    await server.register({ name, runtime: server.runtime })
    const path = join(bench.context.folder, "bundle.js")
    for (const [label, text] of Object.entries(CONTENTS)) {
      await writeFile(path, text)
      const expected = { sha256: sumOf(text), size_bytes: Buffer.byteLength(text) }
      const ways: Readonly<Record<string, () => Promise<unknown>>> = {
        text: () => server.deploy(name, `${label}-text`, text),
        form: () => deployForm(server, name, `${label}-form`, text),
        path: async () => {
          const body = { version: `${label}-path`, bundle_path: path }
          return (await server.api("POST", `/functions/${name}/deploy`, body)).json()
        },
        socket: async () => {
          const body = { function_id: name, version: `${label}-socket`, bundle: text }
          return (await server.call("DEPLOY_FUNCTION", body)).payload
        }
      }
      for (const [way, deploy] of Object.entries(ways)) {
        check(`the deployment of ${label} by ${way}`, { status: "deployed", ...expected }, await deploy())
      }
      const listed = await versionsOf(server, name)
      for (const way of Object.keys(ways)) {
        check(`the version ${label}-${way}`, { $some: { version: `${label}-${way}`, ...expected } }, listed)
      }
    }
  }
)

const deployForm = async (door: Door, name: string, version: string, bundle: string): Promise<unknown> => {
  const part = (head: string, body: string) =>
    `--cut\r\nContent-Disposition: form-data; ${head}\r\n\r\n${body}\r\n`
  const body = `${part('name="version"', version)}${part('name="bundle"; filename="b.js"', bundle)}--cut--\r\n`
  const type = { "Content-Type": "multipart/form-data; boundary=cut" }
  return (await door.api("POST", `/functions/${name}/deploy`, body, type)).json()
}

each(
  "never-changes",
  "Other content under a known label is refused, in force or replaced, and what is in force serves on",
  ["LC-011", "LC-012", "LC-025"],
  {},
  async ({ server }, runtime) => {
    const fn = await gatedFn(server, runtime, null)
    await server.deploy(fn.name, "v2", gatedSource("v2", null))
    const { worker } = await say(fn)
    const before = await versionsOf(server, fn.name)
    for (const label of ["v1", "v2"]) {
      for (const other of [
        gatedSource("other", null),
        `${gatedSource(label, null)} `,
        "not even JavaScript ("
      ]) {
        refused(`other content as ${label}`, await tryDeploy(server, fn.name, label, other), 422, "FN_005")
      }
    }
    check("the versions", before, await versionsOf(server, fn.name))
    check("who answers", { version: "v2", worker, count: 2 }, await say(fn))
  }
)

each(
  "same-content-again",
  "The content in force may be deployed again: nothing changes, and its workers stay",
  ["LC-013"],
  {},
  async ({ server }, runtime) => {
    const fn = await gatedFn(server, runtime, null)
    const { worker } = await say(fn)
    const before = await versionsOf(server, fn.name)
    const [first, second] = await Promise.all([
      server.expectDeployed(fn.name, "v1", gatedSource("v1", null)),
      server.expectDeployed(fn.name, "v1", gatedSource("v1", null))
    ])
    check("the deployments", { version: "v1", status: "deployed" }, first)
    check("the deployments", { version: "v1", status: "deployed" }, second)
    const { state, workers } = await fn.show()
    check("its workers", { starting: 0, draining: 0 }, workers)
    check("its state", { $oneOf: ["WARM", "IDLE"] }, state)
    check("the versions", before, await versionsOf(server, fn.name))
    check("who answers", { version: "v1", worker, count: 2 }, await say(fn))
  }
)

each(
  "forth-and-back",
  "Versions are put in force forth and back; the list keeps its order, one is active, all are kept",
  ["LC-014", "LC-015", "LC-016", "LC-017"],
  { timeoutMs: 40_000 },
  async ({ server }, runtime) => {
    const name = server.name()
    await server.register({ name, runtime })
    const labels = ["2.0", "10.0", "1.0", "Z", "a"]
    const sums = new Map(labels.map((label) => [label, sumOf(gatedSource(label, null))]))
    const stored: Array<string> = []
    for (const label of [...labels, "10.0", "a", "2.0"]) {
      await server.expectDeployed(name, label, gatedSource(label, null))
      if (!stored.includes(label)) stored.push(label)
      const listed = await versionsOf(server, name)
      const expected = stored.map((version) => ({
        version,
        active: version === label,
        sha256: sums.get(version)
      }))
      check(`the versions with ${label} in force`, expected, listed)
      const view: FunctionView = await server.show(name)
      check("the version in force", { active_version: label, status: "deployed" }, view)
      check("who answers", { version: label }, (await server.http(`/functions/${name}`)).json())
    }
  }
)

add(
  "label-forms",
  "Each character of a label's form is taken, and what is outside of it refused",
  ["LC-018"],
  { timeoutMs: 40_000 },
  async ({ server }) => {
    const name = server.name()
    await server.register({ name, runtime: server.runtime })
    const bad = ["-a", "+a", "_a", ".a", "a/b", "a\\b", "a:b", "a~b", "é", "a\n", " a", "a ", "1..2", "a%20b"]
    for (const label of [...bad, "", "x".repeat(65)]) {
      const refusal = await tryDeploy(server, name, label, gatedSource("x", null))
      const { violations } = refused(`the label ${JSON.stringify(label)}`, refusal, 400, "FN_006")
      check("the violations", { $some: { field: "version" } }, violations)
    }
    check("versions", [], await versionsOf(server, name))
    const good = ["0", "Z", "a.b.c", "1.0.0-rc.1+build_5", "x".repeat(64)]
    for (const label of good) await server.expectDeployed(name, label, gatedSource("x", null))
    check(
      "versions",
      good.map((version) => ({ version })),
      await versionsOf(server, name)
    )
  }
)

each(
  "mended",
  "A stored bundle that is gone or damaged is stored anew when the same content is deployed again",
  ["LC-019"],
  { traits: ["own"], timeoutMs: 30_000 },
  async ({ server }, runtime) => {
    const fn = await gatedFn(server, runtime, null)
    const source = gatedSource("v1", null)
    const { worker } = await say(fn)
    const [version] = await versionsOf(server, fn.name)
    const path = version?.bundle_path ?? ""
    check("what is stored", sumOf(source), sumOf(await readFile(path)))
    const damages = [
      () => rm(path),
      () => writeFile(path, source.slice(0, 40)),
      () => writeFile(path, "export default () => new Response('not what was deployed')")
    ]
    for (const damage of damages) {
      await damage()
      const other = await tryDeploy(server, fn.name, "v1", "export default () => new Response('other')")
      refused("other content meanwhile", other, 422, "FN_005")
      await server.expectDeployed(fn.name, "v1", source)
      check("what is stored after it was deployed again", sumOf(source), sumOf(await readFile(path)))
      check("who answers", { version: "v1", worker }, await say(fn))
    }
  }
)
