import { Either, type Schema } from "effect"
import { CaseFailure, SetUpFailed } from "../model/Case.ts"
import { decodeValue } from "./schemaMistakes.ts"
import { type Mistake, type Place, showPlace } from "./Mistakes.ts"

/**
 * One kind of step that a case file may have, by its key: `send`, `expect`, `http`. A suite registers its own; `Session` is what
 * its steps work on while one case runs.
 */
export interface StepKind<Session> {
  readonly name: string
  /** What plays the step, or everything that is wrong with its value. */
  readonly read: (value: unknown) => Either.Either<Play<Session>, ReadonlyArray<Mistake>>
}

export type Play<Session> = (session: Session, signal: AbortSignal) => Promise<void> | void

/** Defines a kind of step. Optional keys of the schema are best `Schema.optionalWith(…, { exact: true })`. */
export const stepKind = <Session, A, I>(kind: {
  readonly name: string
  readonly schema: Schema.Schema<A, I>
  /** What the schema cannot see: an unknown matcher or function, a pattern that does not compile. Paths are of the value. */
  readonly check?: (value: A) => ReadonlyArray<Mistake>
  readonly play: (value: A, session: Session, signal: AbortSignal) => Promise<void> | void
}): StepKind<Session> => ({
  name: kind.name,
  read: (value) =>
    Either.flatMap(decodeValue(kind.schema, value), (decoded) => {
      const mistakes = kind.check?.(decoded) ?? []
      return mistakes.length > 0
        ? Either.left(mistakes)
        : Either.right((session: Session, signal: AbortSignal) => kind.play(decoded, session, signal))
    })
})

/** A step of a case file, ready to be played. */
export interface Step<Session> {
  readonly name: string
  readonly place: Place
  readonly play: Play<Session>
}

/** Plays the steps in order. What a step saw says where the step stands; other errors are the suite's own, and go as they are. */
export const playSteps = async <Session>(
  steps: ReadonlyArray<Step<Session>>,
  session: Session,
  signal: AbortSignal
): Promise<void> => {
  for (const { name, place, play } of steps) {
    signal.throwIfAborted()
    try {
      await play(session, signal)
    } catch (error) {
      // the runner knows better why it is over
      signal.throwIfAborted()
      if (error instanceof SetUpFailed)
        throw new SetUpFailed(`${name} (${showPlace(place)}): ${error.message}`, error.observed)
      if (!(error instanceof CaseFailure)) throw error
      const { expected, message, observed, requirements } = error
      throw new CaseFailure(`${name} (${showPlace(place)}): ${message}`, {
        expected,
        observed,
        ...(requirements === undefined ? {} : { requirements })
      })
    }
  }
}
