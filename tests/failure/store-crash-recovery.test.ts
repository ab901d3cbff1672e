import { Effect } from "effect"
import { cpSync, readdirSync, readFileSync } from "node:fs"
import { join } from "node:path"
import { describe, expect, it } from "vitest"
import { code, controlPlane, registration, runScoped, upload } from "../support/ControlPlane.ts"
import { temporaryFolder } from "../support/TemporaryData.ts"

const crashingDeploy = (folder: string, step: number) =>
  Effect.promise(async () => {
    const child = Bun.spawn(
      [process.execPath, join(import.meta.dirname, "../support/crashingDeploy.ts"), folder, String(step)],
      { stdout: "pipe", stderr: "inherit" }
    )
    const said = await new Response(child.stdout).text()
    await child.exited
    return { said, killed: child.signalCode === "SIGKILL" }
  })

/** What must hold after every crash, once the server has started again. */
const checkRecovered = (folder: string, acknowledged: boolean) =>
  Effect.gen(function* () {
    const { functions, router } = yield* controlPlane(folder)
    expect(yield* functions.restore).toBe(1)

    const view = yield* functions.get("hello")
    const versions = yield* functions.versions("hello")
    expect(view.status).toBe("deployed")
    if (acknowledged) expect(view.active_version).toBe("v2")
    expect(router.resolve("hello")).toMatchObject({ version: view.active_version })

    // Wholly there or not at all: rows and files agree.
    const labels = versions.map(({ version }) => version)
    expect(labels).toEqual(view.active_version === "v2" ? ["v1", "v2"] : ["v1"])
    for (const { bundle_path, version } of versions)
      expect(readFileSync(bundle_path, "utf8")).toBe(code(version))
    expect(readdirSync(join(folder, "bundles", view.function_id)).sort()).toEqual(labels)
    expect(readdirSync(join(folder, "bundles")).sort()).toEqual([".incoming", ".pending", view.function_id])
    for (const name of [".incoming", ".pending"]) {
      expect(readdirSync(join(folder, "bundles", name))).toEqual([])
    }

    yield* functions.deploy("hello", upload("v2"))
    expect(router.resolve("hello")).toMatchObject({ version: "v2" })
    return view.active_version
  })

describe("a server killed in the middle of a deployment", () => {
  it("comes back with the old version or the new one, whole, at every step", () =>
    runScoped(
      Effect.gen(function* () {
        const root = yield* temporaryFolder
        const lived = join(root, "lived")
        yield* Effect.scoped(
          Effect.gen(function* () {
            const { functions } = yield* controlPlane(lived)
            yield* functions.register(registration({ name: "hello" }))
            yield* functions.deploy("hello", upload("v1"))
          })
        )
        const outcomes: Array<string> = []
        for (let step = 1; ; step++) {
          const folder = join(root, `crash-${step}`)
          cpSync(lived, folder, { recursive: true })
          const { killed, said } = yield* crashingDeploy(folder, step)
          expect(said).toMatch(killed ? /^killed / : /^acknowledged\n/)
          const active = yield* Effect.scoped(checkRecovered(folder, said.includes("acknowledged")))
          outcomes.push(`${said.split("\n")[0]}: ${active}`)
          if (!killed) break
        }
        // The commit point, and nothing else, decides.
        const commit = outcomes.findIndex((outcome) => outcome.startsWith("killed after metadata.activate"))
        expect(commit).toBeGreaterThan(8)
        outcomes.forEach((outcome, index) => expect(outcome).toMatch(index < commit ? /: v1$/ : /: v2$/))
      })
    ))
})
