import { Schema } from "effect"
import { fileURLToPath } from "node:url"
import { bunProgram } from "../BunProgram.ts"
import type { LoadTarget } from "../load/LoadPlan.ts"

const program = fileURLToPath(new URL("./rawProgram.ts", import.meta.url))
const decodeListening = Schema.decodeUnknownSync(Schema.Struct({ port: Schema.Int }))

/** A bare `Bun.serve` in a process of its own: what "raw" means in every figure. */
export interface RawServer extends AsyncDisposable {
  readonly target: LoadTarget
}

/** @param answer `hello` says "ok", `echo` gives the request's body back */
export const startRawServer = async (answer: "hello" | "echo"): Promise<RawServer> => {
  const listening = Promise.withResolvers<number>()
  const child = Bun.spawn({
    cmd: bunProgram(program, answer),
    stdio: ["ignore", "inherit", "inherit"],
    serialization: "json",
    ipc: (message) => {
      try {
        listening.resolve(decodeListening(message).port)
      } catch (cause) {
        listening.reject(new Error("the raw server did not name its port", { cause }))
      }
    }
  })
  void child.exited.then((code) => listening.reject(new Error(`the raw server ended with ${code}`)))
  const port = await listening.promise
  return {
    target: { hostname: "127.0.0.1", port, path: "/" },
    [Symbol.asyncDispose]: async () => {
      child.kill("SIGKILL")
      await child.exited
    }
  }
}
