/**
 * A program that takes the data folder named by its argument and keeps it until it is killed. It starts a child that lives
 * longer, and writes the child's process id as a line once all of that is done.
 */
import { Effect, Layer } from "effect"
import * as DataFolder from "../../src/store/DataFolder.ts"
import { configLayer } from "./TemporaryData.ts"

await Effect.runPromise(
  Effect.scoped(
    Effect.gen(function* () {
      yield* Layer.build(DataFolder.layer.pipe(Layer.provide(configLayer(process.argv[2] ?? ""))))
      const { pid } = Bun.spawn(["sleep", "60"], { stdin: "ignore", stdout: "ignore", stderr: "ignore" })
      process.stdout.write(`${pid}\n`)
      return yield* Effect.never
    })
  )
)
