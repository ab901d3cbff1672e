import { fileURLToPath } from "node:url"

/** A module of this folder with all that it imports, as one ES module's text. */
export const bundleInside = async (name: string): Promise<string> => {
  const built = await Bun.build({
    entrypoints: [fileURLToPath(new URL(`inside/${name}.ts`, import.meta.url))],
    format: "esm",
    target: "browser"
  })
  return (built.outputs[0] as Bun.BuildArtifact).text()
}
