/**
 * A process that listens on a socket as a server does, until it is killed. Arguments: the path. Prints `listening`, or the
 * tag of the error that it could not start for.
 */
import { Effect } from "effect"
import { bind } from "../../src/ipc/SocketFile.ts"

const path = process.argv[2] ?? ""
const hold = bind(path, { data: () => {} }).pipe(
  Effect.tap(() => Effect.sync(() => console.log("listening"))),
  Effect.zipRight(Effect.never),
  Effect.scoped,
  Effect.catchAll((error) => Effect.sync(() => console.log(error._tag)))
)
await Effect.runPromise(hold)
