import { afterEach } from "vitest"
import { type HarnessOptions, type IpcHarness, startIpc } from "./IpcHarness.ts"
import { RawSocket } from "./RawSocket.ts"

/** The socket's server and clients of one test; after it all of them are closed. */
export interface IpcSession {
  readonly start: (options?: HarnessOptions) => Promise<void>
  /** A new client of what `start` has started. */
  readonly open: () => Promise<RawSocket>
  readonly harness: IpcHarness
}

/** What every invocation of these tests asks for, unless it says otherwise. */
export const invokeHello = { function_id: "hello-world", method: "GET", path: "/" }

/** One for a file of tests. `atEnd` is awaited after each test, when its clients have left. */
export const ipcSession = (
  defaults: HarnessOptions = {},
  atEnd: (harness: IpcHarness) => Promise<void> = () => Promise.resolve()
): IpcSession => {
  let harness: IpcHarness
  let clients: Array<RawSocket> = []
  afterEach(async () => {
    for (const client of clients) client.leave()
    clients = []
    await atEnd(harness)
    await harness.stop()
  })
  return {
    start: async (options = {}) => {
      harness = await startIpc({ ...defaults, ...options })
    },
    open: async () => {
      const client = await RawSocket.open(harness.path)
      clients.push(client)
      return client
    },
    get harness() {
      return harness
    }
  }
}
