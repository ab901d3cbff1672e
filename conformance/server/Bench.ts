import { rm } from "node:fs/promises"
import type { CaseContext } from "../model/Case.ts"
import type { SocketClient } from "./client/SocketClient.ts"
import { Door } from "./Door.ts"
import type { Place, ServerProcess } from "./target/ServerProcess.ts"
import { launch, type OwnOptions, type Running, type ServerTarget, startServer } from "./ServerTarget.ts"

/** A server of one case's own, which it may kill. */
export class OwnServer extends Door {
  readonly process: ServerProcess

  constructor({ address, process }: Running, context: CaseContext, functions: string, runtime: string) {
    super(address, context, functions, runtime)
    this.process = process
  }

  /** Kills it, and waits for its end. */
  async kill(): Promise<void> {
    this.process.signal("SIGKILL")
    await this.process.exited
  }
}

/** What one case works with: servers, and what has to be cleared up after it. */
export class Bench {
  readonly target: ServerTarget
  readonly context: CaseContext
  /** The instance that all cases share. */
  readonly server: Door
  readonly #after: Array<() => Promise<void>> = []

  constructor(target: ServerTarget, context: CaseContext) {
    this.target = target
    this.context = context
    this.server = target.shared(context)
  }

  get signal(): AbortSignal {
    return this.context.signal
  }

  /** A server of the case's own, ready; it is ended with the case. */
  async own(options: OwnOptions = {}): Promise<OwnServer> {
    const running = await startServer(this.target.options, options, this.context)
    this.#endWithCase(running.process, running.folder)
    const runtime = options.scripted === true ? "quickjs-ng" : this.target.firstRuntime
    return new OwnServer(running, this.context, this.target.options.functions, runtime)
  }

  /** A server that is not waited for: one that should not start. */
  async launch(options: OwnOptions = {}): Promise<ServerProcess> {
    const { folder, process } = await launch(this.target.options, options, this.context)
    this.#endWithCase(process, folder)
    return process
  }

  /** Another server at the place of one that has ended. */
  again(before: OwnServer, options: OwnOptions = {}): Promise<OwnServer> {
    const { data, socket, port }: Place = before.process.place
    return this.own({ ...options, place: { data, socket, port } })
  }

  /** A server with these settings that cases share. */
  special(settings: Readonly<Record<string, string | number>>): Promise<Door> {
    return this.target.special(this.context, { settings })
  }

  /** The instance whose workers are the suite's own program. */
  scripted(settings: Readonly<Record<string, string | number>> = {}): Promise<Door> {
    return this.target.special(this.context, { scripted: true, settings })
  }

  /** Something that has to be done when the case is over, however it ends. */
  after(end: () => Promise<void> | void): void {
    this.#after.push(async () => end())
  }

  /** The client is closed with the case. */
  keep(client: SocketClient): SocketClient {
    this.after(() => client.destroy())
    return client
  }

  async end(): Promise<void> {
    for (const end of this.#after.toReversed()) await end().catch(() => {})
  }

  #endWithCase(process: ServerProcess, folder: string | null): void {
    this.after(async () => {
      // nobody waits for anything of it any more
      process.signal("SIGCONT")
      await process.stop(0)
      if (folder !== null) await rm(folder, { recursive: true, force: true })
    })
  }
}
