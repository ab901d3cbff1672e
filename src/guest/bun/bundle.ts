import { createHash } from "node:crypto"
import { mkdir, rename, rm, writeFile } from "node:fs/promises"
import { join } from "node:path"
import { fileURLToPath } from "node:url"

const program = fileURLToPath(new URL("./main.ts", import.meta.url))

/**
 * Puts the guest program into one file of the folder, and returns its path. A worker that starts from it is ready two to
 * four milliseconds sooner than from `main.ts` and its modules, which are found, read and translated one by one.
 *
 * The file is named after its contents and appears whole or not at all, so that several servers may share the folder, also of
 * different versions. Takes about 20 ms. Rejects when the folder cannot be written.
 */
export const bundleGuest = async (folder: string): Promise<string> => {
  const built = await Bun.build({
    entrypoints: [program],
    target: "bun",
    minify: true
  })
  const code = await (built.outputs[0] as Bun.BuildArtifact).text()
  const path = join(folder, `guest-${createHash("sha256").update(code).digest("hex").slice(0, 16)}.js`)
  if (await Bun.file(path).exists()) return path
  await mkdir(folder, { recursive: true })
  const temporary = `${path}.${process.pid}.tmp`
  try {
    await writeFile(temporary, code)
    await rename(temporary, path)
  } catch (error) {
    await rm(temporary, { force: true })
    throw error
  }
  return path
}
