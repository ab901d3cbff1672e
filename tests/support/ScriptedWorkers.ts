import { Deferred, Effect, FiberId, Layer, Schema } from "effect"
import type { DeploymentFailed } from "../../src/domain/Errors.ts"
import type { WorkerId } from "../../src/domain/Ids.ts"
import type { Target } from "../../src/domain/Invocation.ts"
import { HostMessage } from "../../src/protocol/worker/Messages.ts"
import type { Feature, LogPayload, ResponsePayload, WorkerMessage } from "../../src/protocol/worker/Wire.ts"
import type { WorkerFault } from "../../src/worker/WorkerAnswer.ts"
import { WorkerSession } from "../../src/worker/WorkerSession.ts"
import { SimulatedClock } from "./SimulatedClock.ts"
import {
  type StartFailure,
  type Worker,
  WorkerSpawner,
  WorkerStartFailed
} from "../../src/worker/WorkerSpawner.ts"
import { listeningTransport } from "./listeningTransport.ts"

/** What a worker's start leads to: an end at once, or nothing until the test says so. */
export type StartScript = "hangs" | "ready" | StartFailure

/** How a worker behaves without being told each time. */
export interface Manners {
  /** What it announces; `null` is a worker of version 1.0. */
  readonly features: ReadonlyArray<Feature> | null
  /** Answers `cancel` with an error CANCELLED. */
  readonly obeysCancel: boolean
  /** Answers `ping`. */
  readonly answersPing: boolean
  /** Takes its time to end when it is asked to: until `exit`, or a kill. */
  readonly lingers: boolean
}

export const goodManners: Manners = {
  features: ["concurrency", "cancel", "ping"],
  obeysCancel: true,
  answersPing: true,
  lingers: false
}

export const startTimedOut = (): WorkerStartFailed =>
  new WorkerStartFailed({ kind: "timeout", reason: "the worker was not ready within 10000 ms" })

type HostMessage = typeof HostMessage.Type

/** An invocation as the worker got it. */
export interface Received {
  readonly id: string
  readonly payload: Extract<HostMessage, { readonly type: "invoke" }>["payload"]
}

const decodeHostMessage = Schema.decodeUnknownSync(HostMessage)
const encoder = new TextEncoder()

/**
 * A worker without a process: a real `WorkerSession` over a transport whose other end the test plays. Everything that the
 * host wrote is checked against the protocol's Schemas.
 */
export class ScriptedWorker {
  readonly id: WorkerId
  readonly target: Target
  readonly manners: Manners
  readonly session: WorkerSession
  /** Every message of the host, in order. */
  readonly heard: Array<HostMessage> = []
  /** Invocations that are not answered yet, oldest first. */
  readonly inFlight = new Map<string, Received>()
  /** How often it was killed while it lived. */
  kills = 0
  /** Its process lives. */
  alive = true
  phase: "starting" | "ready" | "ended" = "starting"
  /** Someone asked it to end; it does when the test says `exit`. */
  ending = false
  readonly #ready = Deferred.unsafeMake<void, StartFailure>(FiberId.none)
  readonly #ended = Deferred.unsafeMake<WorkerFault>(FiberId.none)
  readonly #mayExit = Deferred.unsafeMake<void>(FiberId.none)
  readonly #observer: Observer

  constructor(id: WorkerId, target: Target, manners: Manners, observer: Observer) {
    this.id = id
    this.target = target
    this.manners = manners
    this.#observer = observer
    this.session = new WorkerSession(
      listeningTransport((line) => this.#hear(line)),
      {
        ready: () => Deferred.unsafeDone(this.#ready, Effect.void),
        loadFailed: (error) => this.failStart(new WorkerStartFailed({ kind: "exit", reason: error.message })),
        log: (payload, invocationId) => observer.logged(this, payload, invocationId),
        stray: (text) => observer.logged(this, { level: "warn", message: text }, null),
        faulted: (fault) => {
          this.kill()
          Deferred.unsafeDone(this.#ended, Effect.succeed(fault))
        }
      },
      // Of its own: what it counts of lines shall not move the clock of who tests with it.
      new SimulatedClock().service
    )
  }

  /** The worker as the pool sees it, once it is ready. */
  get started(): Effect.Effect<Worker, StartFailure> {
    return Effect.as(Deferred.await(this.#ready), {
      id: this.id,
      pid: 0,
      session: this.session,
      multiplexes: this.manners.features?.includes("concurrency") === true,
      startup: { spare: false, spawnMs: 2, loadMs: 3 },
      ended: Deferred.await(this.#ended),
      kill: () => this.kill()
    })
  }

  /** Ends it as the owner's scope does: ask, wait, reaped. */
  get asked(): Effect.Effect<void> {
    return Effect.suspend(() => {
      if (!this.alive) return Effect.void
      this.ending = true
      this.session.shutdown()
      const gone = this.manners.lingers ? Deferred.await(this.#mayExit) : Effect.void
      return Effect.zipRight(
        gone,
        Effect.sync(() => this.#die({ kind: "exit", reason: "exited with code 0" }))
      )
    })
  }

  // What the test makes it do

  becomeReady(): void {
    if (this.phase !== "starting" || !this.alive) return
    this.phase = "ready"
    const { features } = this.manners
    this.say({ id: "", type: "ready", payload: features === null ? {} : { protocol: "1.1", features } })
  }

  failStart(failure: StartFailure | DeploymentFailed): void {
    if (this.phase !== "starting") return
    this.phase = "ended"
    Deferred.unsafeDone(this.#ready, Effect.fail(failure))
  }

  respond(id: string, payload: Partial<ResponsePayload> = {}): void {
    this.say({ id, type: "response", payload: { status: 200, headers: {}, body: "", ...payload } })
  }

  error(id: string, code: string, message = "told to"): void {
    this.say({ id, type: "error", payload: { code, message } })
  }

  log(id: string, payload: LogPayload): void {
    this.say({ id, type: "log", payload })
  }

  /** Any message, well-formed or not. */
  say(message: WorkerMessage | Record<string, unknown>): void {
    const { id, type } = message
    if ((type === "response" || type === "error") && typeof id === "string") this.inFlight.delete(id)
    this.sayBytes(encoder.encode(`${JSON.stringify(message)}\n`))
  }

  sayBytes(bytes: Uint8Array): void {
    if (this.alive) this.session.receive(bytes)
  }

  /** Breaks the protocol. */
  misbehave(): void {
    this.sayBytes(encoder.encode('{"id":"x","type":"response","payload":{"status":"fine"}}\n'))
  }

  /** Its process ends, whatever it was doing. */
  crash(reason = "exited with code 3"): void {
    this.#die({ kind: "exit", reason })
  }

  /** A lingering worker ends at last. */
  exit(): void {
    if (this.ending) this.#die({ kind: "exit", reason: "exited with code 0" })
  }

  kill(): void {
    if (this.alive) this.kills += 1
    // A signal takes its way through the kernel and comes back as an exit.
    queueMicrotask(() => this.#die({ kind: "signal", reason: "was ended by SIGKILL" }))
  }

  #die(fault: WorkerFault): void {
    if (!this.alive) return
    this.alive = false
    const starting = this.phase === "starting"
    this.phase = "ended"
    this.inFlight.clear()
    this.#observer.died(this)
    this.session.fail(fault)
    if (starting) {
      const reason = `the worker ${fault.reason} before it was ready`
      Deferred.unsafeDone(this.#ready, Effect.fail(new WorkerStartFailed({ kind: "exit", reason })))
    }
    Deferred.unsafeDone(this.#ended, Effect.succeed(fault))
    Deferred.unsafeDone(this.#mayExit, Effect.void)
  }

  #hear(line: string): void {
    if (!this.alive) return
    let message: HostMessage
    try {
      if (!line.endsWith("\n") || line.indexOf("\n") !== line.length - 1) throw new Error("not one line")
      message = decodeHostMessage(JSON.parse(line))
    } catch (cause) {
      this.#observer.hostFaults.push(`${this.id}: ${String(cause)}: ${line.slice(0, 200)}`)
      return
    }
    this.heard.push(message)
    switch (message.type) {
      case "invoke": {
        const received = { id: message.id, payload: message.payload }
        this.inFlight.set(message.id, received)
        return this.#observer.invoked(this, received)
      }
      case "cancel":
        if (this.manners.features?.includes("cancel") !== true) {
          this.#observer.hostFaults.push(`${this.id}: was sent a cancel that it does not know`)
        } else if (this.manners.obeysCancel) {
          queueMicrotask(() => {
            if (this.inFlight.has(message.id)) this.error(message.id, "CANCELLED", "it was cancelled")
          })
        }
        return
      case "ping":
        if (this.manners.answersPing)
          queueMicrotask(() => this.say({ id: message.id, type: "pong", payload: {} }))
        return
      case "load":
      case "shutdown":
        return
    }
  }
}

/** What the collection is told by its workers. */
interface Observer {
  readonly hostFaults: Array<string>
  readonly invoked: (worker: ScriptedWorker, received: Received) => void
  readonly died: (worker: ScriptedWorker) => void
  readonly logged: (worker: ScriptedWorker, payload: LogPayload, invocationId: string | null) => void
}

/** A `WorkerSpawner` of scripted workers: no process, no time. */
export class ScriptedWorkers {
  /** Every worker that was ever started, in order. */
  readonly all: Array<ScriptedWorker> = []
  /** What the host did against the protocol; must stay empty. */
  readonly hostFaults: Array<string> = []
  readonly logs: Array<{
    readonly worker: WorkerId
    readonly payload: LogPayload
    readonly invocation: string | null
  }> = []
  /** Processes that live: from the spawn until they are reaped. */
  live = 0
  mostLive = 0
  /** What the next starts lead to. */
  onStart: (target: Target, id: WorkerId) => StartScript = () => "ready"
  manners: (target: Target, id: WorkerId) => Manners = () => goodManners
  /** Called when a worker gets an invocation. */
  onInvoked: (worker: ScriptedWorker, received: Received) => void = () => {}
  /** Called when a process begins to live. */
  onSpawned: (worker: ScriptedWorker) => void = () => {}

  readonly layer: Layer.Layer<WorkerSpawner> = Layer.succeed(WorkerSpawner, {
    spawn: (target, id) =>
      Effect.gen(this, function* () {
        const worker = yield* Effect.acquireRelease(
          Effect.sync(() => this.#spawn(target, id)),
          (spawned) => spawned.asked
        )
        const script = this.onStart(target, id)
        if (script === "ready") worker.becomeReady()
        else if (script !== "hangs") worker.failStart(script)
        return yield* worker.started
      })
  })

  /** Live workers, oldest first. */
  get living(): Array<ScriptedWorker> {
    return this.all.filter((worker) => worker.alive)
  }

  get starting(): Array<ScriptedWorker> {
    return this.living.filter((worker) => worker.phase === "starting" && !worker.ending)
  }

  /** The latest worker. */
  get last(): ScriptedWorker {
    const worker = this.all.at(-1)
    if (worker === undefined) throw new Error("no worker was started")
    return worker
  }

  #spawn(target: Target, id: WorkerId): ScriptedWorker {
    const worker = new ScriptedWorker(id, target, this.manners(target, id), {
      hostFaults: this.hostFaults,
      invoked: (from, received) => this.onInvoked(from, received),
      died: () => {
        this.live -= 1
      },
      logged: (from, payload, invocation) => void this.logs.push({ worker: from.id, payload, invocation })
    })
    this.all.push(worker)
    this.live += 1
    this.mostLive = Math.max(this.mostLive, this.live)
    this.onSpawned(worker)
    return worker
  }
}

/** Lets every fibre and microtask that can go on do so. No time passes on a simulated clock. */
export const fibresSettled = (): Promise<void> => new Promise((resolve) => setImmediate(resolve))
