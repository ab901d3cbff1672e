import { mkdtempSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { afterEach, beforeEach, describe, expect, it } from "vitest"
import { StackMapper } from "./StackMapper.ts"

const source = `interface Order { readonly price: number }

function total(order: Order): never {
  throw new Error("no total of " + order.price)
}
export default function handler() {
  return total({ price: 1 })
}
`

let folder: string
let bundlePath: string
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "bunbase-stack-"))
  bundlePath = join(folder, "bundle.js")
})
afterEach(() => {
  rmSync(folder, { recursive: true })
})

/** What the bundle throws with, as the engine tells it. */
const thrown = (): string => {
  const run = `try { (await import(${JSON.stringify(bundlePath)})).default() } catch (error) { console.log(error.stack) }`
  return Bun.spawnSync([process.execPath, "-e", run]).stdout.toString()
}

/** Builds the source, with as many lines before it as given, and gives the stack that it throws with. */
const build = async (linesBefore = 0): Promise<string> => {
  writeFileSync(join(folder, "orders.ts"), "\n".repeat(linesBefore) + source)
  const { outputs } = await Bun.build({
    entrypoints: [join(folder, "orders.ts")],
    root: folder,
    target: "bun",
    sourcemap: "external"
  })
  const [code, map] = await Promise.all(outputs.map((output) => output.text()))
  // Bun would map the stack itself if it found the map.
  rmSync(`${bundlePath}.map`, { force: true })
  writeFileSync(bundlePath, code ?? "")
  const stack = thrown()
  // As the project's own build writes it: sources counted from the project's folder.
  writeFileSync(`${bundlePath}.map`, JSON.stringify({ ...JSON.parse(map ?? ""), sources: ["orders.ts"] }))
  return stack
}

describe("StackMapper", () => {
  it("brings a real stack back to the sources", async () => {
    const stack = await build()
    expect(stack).toContain(`at total (${bundlePath}:`)
    const mapped = await new StackMapper().map(stack, bundlePath)
    expect(mapped).toMatch(/^Error: no total of 1\n {4}at total \(orders\.ts:4:\d+\)\n/)
    expect(mapped).not.toContain(bundlePath)
  })

  it("maps file URLs too, and leaves everything else as it is", async () => {
    const stack = await build()
    const [position = ""] = /\d+:\d+/.exec(stack.slice(stack.indexOf(bundlePath))) ?? []
    const text = `a ${bundlePath} b file://${bundlePath}:${position} c ${bundlePath}:99999:1 d ${bundlePath}:0:0 /x/bundle.js:1:1`
    expect(await new StackMapper().map(text, bundlePath)).toMatch(
      new RegExp(
        `^a ${bundlePath} b orders\\.ts:4:\\d+ c ${bundlePath}:99999:1 d ${bundlePath}:0:0 /x/bundle\\.js:1:1$`
      )
    )
  })

  it("shortens what Bun has mapped itself", async () => {
    await build()
    const stack = thrown()
    expect(stack).toContain(`at total (${join(folder, "orders.ts")}:4:`)
    expect(await new StackMapper().map(stack, bundlePath)).toMatch(/at total \(orders\.ts:4:\d+\)\n/)
  })

  it("notices that the map is another one, has come, or has gone", async () => {
    const mapper = new StackMapper()
    const stack = await build()
    expect(await mapper.map(stack, bundlePath)).toContain("orders.ts:4:")
    const later = await build(10)
    expect(await mapper.map(later, bundlePath)).toContain("orders.ts:14:")
    rmSync(`${bundlePath}.map`)
    expect(await mapper.map(later, bundlePath)).toBe(later)
    await build()
    expect(await mapper.map(stack, bundlePath)).toContain("orders.ts:4:")
  })

  it.each([
    "",
    "null",
    "[]",
    "{}",
    "{",
    '{"version":3}',
    '{"version":3,"sources":["a"],"names":[],"mappings":"!!!!"}',
    '{"version":3,"sources":5,"names":[],"mappings":7}',
    '{"version":3,"sections":[{"offset":{"line":0,"column":0},"map":{"version":3}}]}'
  ])("a damaged map %j leaves the stack as it is", async (content) => {
    const stack = await build()
    writeFileSync(`${bundlePath}.map`, content)
    expect(await new StackMapper().map(stack, bundlePath)).toBe(stack)
  })

  it("leaves a stack as it is where the map is too large, and says so once", async () => {
    const stack = await build()
    const { size } = Bun.file(`${bundlePath}.map`)
    const told: Array<string> = []
    const limits = { mapBytes: size - 1, keptBytes: 1 << 20 }
    const mapper = new StackMapper(
      (path, bytes, limit) => void told.push(`${path} ${bytes} ${limit}`),
      limits
    )
    for (let n = 0; n < 3; n++) expect(await mapper.map(stack, bundlePath)).toBe(stack)
    expect(told).toEqual([`${bundlePath} ${size} ${size - 1}`])
    expect(mapper.keptBytes).toBe(0)
    const fitting = new StackMapper(() => told.push("again"), { ...limits, mapBytes: size })
    expect(await fitting.map(stack, bundlePath)).toContain("orders.ts:4:")
    expect(told).toHaveLength(1)
  })

  it("keeps maps up to a sum of their bytes, and reads again what made room", async () => {
    const stack = await build()
    const { size } = Bun.file(`${bundlePath}.map`)
    const mapper = new StackMapper(() => {}, { mapBytes: size, keptBytes: 3 * size })
    const others = Array.from({ length: 5 }, (_, n) => join(folder, `copy-${n}`, "bundle.js"))
    for (const other of others) await Bun.write(`${other}.map`, Bun.file(`${bundlePath}.map`))
    for (const other of [...others, ...others]) {
      expect(await mapper.map(stack.replaceAll(bundlePath, other), other)).toContain("orders.ts:4:")
      expect(mapper.keptBytes).toBeLessThanOrEqual(3 * size)
    }
    expect(mapper.keptBytes).toBe(3 * size)
  })

  it("serves more bundles than it keeps maps of", async () => {
    const stack = await build()
    const mapper = new StackMapper()
    for (let n = 0; n < 300; n++) {
      const other = join(folder, `copy-${n}`, "bundle.js")
      await Bun.write(`${other}.map`, Bun.file(`${bundlePath}.map`))
      expect(await mapper.map(stack.replaceAll(bundlePath, other), other)).toContain("orders.ts:4:")
    }
    expect(await mapper.map(stack, bundlePath)).toContain("orders.ts:4:")
  })
})
