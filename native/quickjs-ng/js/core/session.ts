import type * as FetchSegment from "../segments/fetch.ts"
import { EXIT } from "../wire/constants.ts"
import { append, ownField, slice } from "../webidl/primordials.ts"
import { inheritEnvironment, replaceEnvironment } from "./environment.ts"
import { forbidEvaluation } from "./evaluation.ts"
import { type Handler, loadBundle, type Loaded } from "./handler.ts"
import { isArray, setPrototypeOf, stringify } from "./intrinsics.ts"
import * as invocations from "./invocations.ts"
import { confess } from "./journal.ts"
import { bareErrorLine, errorLine, featureList, pongLine, readyLine } from "./lines.ts"
import { native } from "./native.ts"
import { confessRejections, isShown } from "./rejections.ts"
import { restartClock } from "./performance.ts"
import type { InvokePayload } from "./request.ts"
import { describeThrown, isOutOfMemory } from "./thrown.ts"

const NOTE_CHARS = 200
const FEATURES = featureList(["concurrency", "cancel", "ping", "load", "call"])

/** What a fork server can do. */
const ZYGOTE_FEATURES = featureList(["fork"])

/** What the library of a fork server has loaded, so that no worker has to. */
const PRELOADED = ["events", "url", "fetch", "console", "encoding", "files", "streams"]

type State =
  /** Waits for `load`. */
  | "empty"
  /** Invocations that come now wait until the bundle is there. */
  | "loading"
  | "ready"
  /** `shutdown` was received: what came before it is finished, nothing new is begun. */
  | "stopping"

interface Waiting {
  readonly id: string
  readonly payload: InvokePayload
}

/** `id` and `type` are strings; the rest is what the host sent. */
interface Message {
  readonly id: string
  readonly type: string
  readonly payload?: unknown
}

let state: State = "empty"
/** This process makes workers, and is none. */
let forking = false
/** The bundle is loaded for a fork server of its own, whose control channel carries no calls. */
let snapshotting = false
/** What came while the bundle loads. */
let waiting: Array<Waiting> = []

/** The export that answers, once a bundle is loaded. */
let exported: string | undefined

const ready = (): void => native.send(readyLine(FEATURES, native.pid(), exported))

/** The worker begins: with a bundle, or waiting for one. */
export const start = (bundle: string | null, handler: string): void => {
  if (bundle === null) return ready()
  inheritEnvironment()
  state = "loading"
  load(bundle, handler)
}

/** Loads the bundle and says `ready`, or why not, and then ends. */
const load = (path: string, name: string, listen: string | null = null): void => {
  // every answer needs it; what the bundle does to the built-ins comes later
  native.segment("fetch")
  loadBundle(path, name, (loaded) => onLoaded(loaded, listen))
}

const onLoaded = (loaded: Loaded, listen: string | null): void => {
  if (loaded._tag === "Failed") {
    let line: string
    try {
      line = errorLine('""', loaded.code, loaded.error)
    } catch {
      line = bareErrorLine('""', loaded.code)
    }
    native.send(line)
    return end(EXIT.load)
  }
  exported = loaded.exported
  if (listen !== null) {
    invocations.begin(loaded.handler)
    native.becomeZygote(listen)
    return
  }
  ready()
  beginWith(loaded.handler)
}

/** The process has become a fork server and listens. */
export const zygote = (): void => {
  forking = true
  if (state === "empty") for (const name of PRELOADED) native.segment(name)
  native.send(readyLine(ZYGOTE_FEATURES, native.pid()))
}

/** Whether nobody would answer a call to the host: one would wait for as long as it may. */
export const hostIsDeaf = (): boolean => snapshotting

/** The fork server cannot listen. */
export const refused = (why: string): void =>
  native.send(errorLine('""', "BUNDLE_LOAD_ERROR", { message: `the fork server cannot listen: ${why}` }))

/** The process is a fork of the fork server: a worker, with a bundle or without. */
export const forked = (): void => {
  forking = false
  snapshotting = false
  restartClock()
  if (forForks !== null) native.applyLimits(forForks)
  if (state !== "empty") state = "ready"
  ready()
}

const beginWith = (handler: Handler): void => {
  invocations.begin(handler)
  const held = waiting
  waiting = []
  for (let i = 0; i < held.length; i += 1) {
    const { id, payload } = held[i] as Waiting
    invoke(id, payload)
  }
  if (state === "stopping") finish()
  else state = "ready"
}

const end = (code: number): void => {
  confess()
  native.flushThenExit(code)
}

/** One message of the host's. */
export const message = ({ id, type, payload }: Message): void => {
  if (forking) return control(id, type)
  switch (type) {
    case "invoke":
      return onInvoke(id, payload as InvokePayload)
    case "cancel":
      return onCancel(id, payload)
    case "ping":
      return native.send(pongLine(stringify(id)))
    case "result":
      return onResult(payload)
    case "load":
      return onLoad(id, payload)
    case "shutdown":
      return onShutdown()
  }
}

/** What a host can say to a fork server. */
const control = (id: string, type: string): void => {
  if (type === "shutdown") native.stopZygote()
  else if (type === "ping") native.send(pongLine(stringify(id)))
}

const refuse = (id: string, why: string): void =>
  native.send(errorLine(stringify(id), "CANCELLED", { message: why }))

const onInvoke = (id: string, payload: InvokePayload): void => {
  switch (state) {
    case "ready":
      return invoke(id, payload)
    case "loading":
      append(waiting, { id, payload })
      return
    case "empty":
      return native.send(errorLine(stringify(id), "NO_HANDLER", { message: "no bundle is loaded yet" }))
    case "stopping":
      return refuse(id, "the worker is shutting down")
  }
}

const invoke = (id: string, payload: InvokePayload): void => {
  if (typeof payload !== "object" || payload === null || isArray(payload)) {
    native.send(errorLine(stringify(id), "HANDLER_ERROR", { message: "the invoke message has no payload" }))
  } else if (!invocations.start(id, payload)) {
    native.note(`invocation ${slice(id, 0, NOTE_CHARS)} is in flight already: the second one is passed over`)
  }
}

/** A field of a payload that may be anything. */
const field = (payload: unknown, name: string): unknown =>
  typeof payload === "object" && payload !== null ? ownField(payload, name) : undefined

const onCancel = (id: string, payload: unknown): void => {
  for (let i = 0; i < waiting.length; i += 1) {
    if (waiting[i]?.id !== id) continue
    const others: Array<Waiting> = []
    for (let j = 0; j < waiting.length; j += 1) if (j !== i) append(others, waiting[j] as Waiting)
    waiting = others
    refuse(id, "it was cancelled before it began")
    return
  }
  invocations.cancel(id, field(payload, "reason"))
}

const onResult = (payload: unknown): void => {
  if (typeof field(payload, "call_id") !== "string") return
  const { hostResult } = native.segment("fetch") as unknown as typeof FetchSegment
  hostResult(payload as Parameters<typeof hostResult>[0])
}

const onLoad = (id: string, payload: unknown): void => {
  if (state !== "empty") {
    const why = "a worker loads one bundle, and this one has its own"
    return native.send(errorLine(stringify(id), "BUNDLE_LOAD_ERROR", { message: why }))
  }
  const path = field(payload, "bundle_path")
  const handler = field(payload, "handler")
  if (typeof path !== "string") {
    native.send(errorLine('""', "BUNDLE_LOAD_ERROR", { message: "bundle_path is not a string" }))
    return end(EXIT.load)
  }
  state = "loading"
  replaceEnvironment(field(payload, "env"))
  if (field(field(payload, "capabilities"), "eval") === false) forbidEvaluation()
  const listen = field(payload, "zygote")
  limit(field(payload, "limits"), typeof listen === "string")
  snapshotting = typeof listen === "string"
  load(path, typeof handler === "string" ? handler : "", typeof listen === "string" ? listen : null)
}

/** What is to be applied in the workers that this process forks, and not yet. */
let forForks: object | null = null

/**
 * A fork server has to start processes itself, and lives for as long as its version does: those two limits are for its
 * workers, each of which has processor time of its own.
 */
const limit = (limits: unknown, forks: boolean): void => {
  if (typeof limits !== "object" || limits === null) return
  setPrototypeOf(limits, null)
  const own = limits as { max_processes?: unknown; cpu_seconds?: unknown }
  if (forks) {
    const { max_processes, cpu_seconds } = own
    forForks = setPrototypeOf({ max_processes, cpu_seconds }, null) as object
    delete own.max_processes
    delete own.cpu_seconds
  }
  native.applyLimits(limits)
}

const onShutdown = (): void => {
  if (state === "stopping") return
  const wasLoading = state === "loading"
  state = "stopping"
  // what waits for the bundle is in flight too: `beginWith` goes on from here
  if (!wasLoading || waiting.length === 0) finish()
}

const finish = (): void => invocations.whenIdle(() => end(0))

/** Something was thrown where nobody could catch it. */
const report = (title: string, thrown: unknown): void => {
  if (isOutOfMemory(thrown)) return invocations.giveUp()
  const described = describeThrown(thrown)
  invocations.likelySpeaker().say("error", `${title}: ${described.title}`, described.stack)
}

export const uncaught = (thrown: unknown): void => report("Uncaught exception", thrown)
/** A promise that nobody handles was rejected; without the promise: those that there were have all been looked at. */
export const rejection = (reason: unknown, promise?: unknown): void => {
  if (promise === undefined) confessRejections()
  else if (isOutOfMemory(reason) || isShown(invocations.likelySpeaker()))
    report("Unhandled rejection", reason)
}
