/** A function on bun that floods its standard output until the file is there. */
export const flood = (stop: string): string => `import { existsSync, writeSync } from "node:fs"
  const block = ("x".repeat(99) + "\\n").repeat(500)
  export default async () => {
    while (!existsSync(${JSON.stringify(stop)})) {
      for (let n = 0; n < 20; n += 1) { try { writeSync(1, block) } catch {} }
      await new Promise((resolve) => setTimeout(resolve, 1))
    }
    return new Response("flooded")
  }`
