import type { FunctionsClient } from "../../src/client/index.ts"

/** Deletes a version, however long a busy machine takes to end its last workers: the server waits 5 s at a time. */
export const deleteVersion = async (client: FunctionsClient, name: string, version: string) => {
  for (;;) {
    try {
      return await client.deleteVersion(name, version)
    } catch (error) {
      if (!(error instanceof Error && "code" in error && error.code === "FN_007")) throw error
    }
  }
}
