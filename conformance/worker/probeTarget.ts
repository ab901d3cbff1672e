import { readlinkSync } from "node:fs"
import { CaseFailure } from "../model/Case.ts"
import type { WorkerOptions } from "../model/Options.ts"
import { type StartContext, type StartedTarget, type TargetFacts, TargetUnusable } from "../model/Suite.ts"
import { Transcript } from "../model/Transcript.ts"
import type { Message } from "./session/Message.ts"
import type { WorkerSession } from "./session/WorkerSession.ts"
import type { WorkerTarget } from "./WorkerTarget.ts"

/** What may not come before `ready`, and `ready` itself: log lines may, and types that nobody knows. */
const PROTOCOL_TYPES = new Set(["ready", "error", "response", "pong", "call"])

const CHANGES_FOLDER = /(?:^|[;&])\s*cd\s/

/** Versions that this suite knows; a later minor version of 1 is held to the newest of them. */
const NEWEST = "1.1"

/**
 * Starts the worker once with the simplest function, and has it answer once: what it is, or a `TargetUnusable` that says what it
 * does instead: it does not start, ends, hangs, floods, or speaks something else. One that breaks the protocol's rules can be
 * tested: its cases turn red.
 */
export const probeTarget = async (
  target: WorkerTarget,
  options: WorkerOptions,
  { signal, folder, owns }: StartContext
): Promise<Pick<StartedTarget<never>, "facts" | "about">> => {
  const transcript = new Transcript()
  let session: WorkerSession
  try {
    session = target.start(
      { function: "hello", formOnly: true },
      { signal, folder, owns, transcript, seed: 0, ranProperties: () => {}, observe: () => {} }
    )
  } catch (error) {
    throw new TargetUnusable(`the worker cannot be started: ${wordsOf(error)}`)
  }
  try {
    const ready = await firstMessage(session, target.patienceMs)
    const facts = factsOf(ready, options)
    if (CHANGES_FOLDER.test(options.cmd)) target.folder = readlinkSync(`/proc/${session.process.pid}/cwd`)
    const answer = await session.probe()
    if (answer.type !== "response") {
      throw new TargetUnusable(
        `the function hello was answered by an error: ${String(answer.payload["message"])}`
      )
    }
    session.check()
    return { facts, about: { ...ready.payload, features: facts.features, protocol: facts.protocol } }
  } catch (error) {
    if (signal.aborted && !(error instanceof TargetUnusable)) throw error
    throw unusable(error, session)
  } finally {
    await session.process.kill()
  }
}

/** The first thing that it says beside log lines, which is `ready`. */
const firstMessage = async (session: WorkerSession, patienceMs: number): Promise<Message> => {
  const { message } = await session
    .take("ready", ({ type }) => PROTOCOL_TYPES.has(type))
    .catch((error: unknown) => {
      const [violation] = session.violations
      if (violation !== undefined) {
        const flood = violation.rule === "flood" || violation.rule === "oversize"
        throw new TargetUnusable(
          flood
            ? `the worker floods its output: ${violation.what}`
            : `it speaks another protocol: ${violation.what}`
        )
      }
      if (error instanceof CaseFailure && !session.process.isOver) {
        throw new TargetUnusable(`the worker hangs: it has not said ready within ${patienceMs} ms`)
      }
      throw error
    })
  if (message.type === "error") {
    throw new TargetUnusable(
      `the worker cannot load the function hello: ${String(message.payload["message"])}`
    )
  }
  if (message.type !== "ready") {
    throw new TargetUnusable(`it speaks another protocol: its first message is of the type ${message.type}`)
  }
  return message
}

const factsOf = (ready: Message, options: WorkerOptions): TargetFacts => {
  const announced = ready.payload["protocol"]
  if (announced !== undefined && !/^1\.\d+$/.test(String(announced))) {
    throw new TargetUnusable(
      `it speaks another protocol: version ${JSON.stringify(announced)}; this suite knows 1.0 and ${NEWEST}`
    )
  }
  const protocol =
    announced === undefined || announced === "1.0" || options.protocol === "1.0" ? "1.0" : "1.1"
  const said = (ready.payload["features"] as ReadonlyArray<string> | undefined) ?? []
  const missing = (options.features ?? []).filter((feature) => !said.includes(feature))
  if (missing.length > 0) {
    throw new TargetUnusable(`it does not announce ${missing.join(", ")}, which --features asks for`)
  }
  return {
    roles: ["worker"],
    protocol,
    javascript: options.runtime !== "other" || options.javascript === true,
    features: protocol === "1.0" ? [] : said,
    traits: options.runtime === "other" ? [] : [options.runtime]
  }
}

const unusable = (error: unknown, session: WorkerSession): TargetUnusable => {
  const { stderr } = session.process
  const details = stderr === "" ? [] : stderr.trimEnd().split("\n").slice(-20)
  if (error instanceof TargetUnusable)
    return new TargetUnusable(error.message, [...error.details, ...details])
  const [violation] = session.violations
  if (violation !== undefined)
    return new TargetUnusable(`it speaks another protocol: ${violation.what}`, details)
  return new TargetUnusable(wordsOf(error), details)
}

const wordsOf = (error: unknown): string => (error instanceof Error ? error.message : String(error))
