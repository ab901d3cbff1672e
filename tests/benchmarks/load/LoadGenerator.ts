import { Schema } from "effect"
import { fileURLToPath } from "node:url"
import { bunProgram } from "../BunProgram.ts"
import { LoadAnswer, type LoadPlan, type LoadReport, reportFrom } from "./LoadPlan.ts"

const program = fileURLToPath(new URL("./generator.ts", import.meta.url))
const decodeAnswer = Schema.decodeUnknownSync(LoadAnswer)

/** The harness's hold on the load generator's process. */
export interface LoadGenerator extends AsyncDisposable {
  /** Carries out one plan; plans must not overlap. Rejects when it could not be carried out, or the generator died. */
  readonly run: (plan: LoadPlan) => Promise<LoadReport>
}

export const startLoadGenerator = (): LoadGenerator => {
  let pending: PromiseWithResolvers<LoadReport> | null = null

  const child = Bun.spawn({
    cmd: bunProgram(program),
    stdio: ["ignore", "inherit", "inherit"],
    serialization: "json",
    ipc: (message) => {
      const waiting = pending
      pending = null
      try {
        const answer = decodeAnswer(message)
        if (answer._tag === "Report") waiting?.resolve(reportFrom(answer.report))
        else waiting?.reject(new Error(answer.reason))
      } catch (cause) {
        waiting?.reject(new Error("the load generator's report cannot be read", { cause }))
      }
    }
  })
  const death = child.exited.then((code) => new Error(`the load generator ended with ${code}`))

  return {
    run: async (plan) => {
      if (pending !== null) throw new Error("the load generator carries out one plan at a time")
      const report = Promise.withResolvers<LoadReport>()
      pending = report
      child.send(plan)
      return await Promise.race([report.promise, death.then((error) => Promise.reject(error))])
    },
    [Symbol.asyncDispose]: async () => {
      child.kill("SIGKILL")
      await child.exited
    }
  }
}
