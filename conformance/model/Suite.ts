import type { Case, Needs } from "./Case.ts"
import type { Requirement, Role } from "./Requirement.ts"

/** The features that the worker protocol has. */
export const WORKER_FEATURES = ["concurrency", "cancel", "ping", "load", "call", "fork"] as const

/** What decides whether a requirement or a case is for this target: from the flags, and from what the target announced. */
export interface TargetFacts {
  /** Whose requirements it is held against: a worker `worker`; a server `server` and `host`. */
  readonly roles: ReadonlyArray<Role>
  /** The version of the specification's protocols that it speaks. */
  readonly protocol: "1.0" | "1.1"
  /** It runs functions in JavaScript. */
  readonly javascript: boolean
  /** A worker: what it announced in `ready`. A server: the features that it asks of its workers, as a host. */
  readonly features: ReadonlyArray<string>
  /** A server: what it has (`bun`, `quickjs-ng`, `http`, `socket`), and what the user lets the suite do (`own`, …). */
  readonly traits: ReadonlyArray<string>
  /**
   * How to give the suite a trait that it lacks, for those that another command line gives: `own`: `give --cmd instead of --url`.
   * What is not checked for want of one of these is not the target's choice.
   */
  readonly whyNot?: Readonly<Record<string, string>>
}

/** What the runner gives a suite for its start, and to each case for its time. */
export interface Processes {
  /**
   * Takes a process group, by its leader's pid: the runner kills it whole (SIGKILL) when the time is over, whatever happened.
   * Gives what lets it go: to be called once the group is known to be empty, since its number may be somebody else's then.
   */
  readonly owns: (leaderPid: number) => () => void
}

export interface StartContext extends Processes {
  /** Aborted by Ctrl-C, and when the start takes too long. */
  readonly signal: AbortSignal
  /** A folder for everything that is shared by the cases; removed at the end. */
  readonly folder: string
}

export interface StartedTarget<Target> {
  /** What each case is given. */
  readonly target: Target
  readonly facts: TargetFacts
  /** What the target said about itself, for the report: protocol, runtime, version, features. */
  readonly about: Readonly<Record<string, unknown>>
  /** Resolves with what happened when what the cases share has ended by itself: no further case is begun. */
  readonly lost?: Promise<string>
  /** Ends what is shared. Called once, also after Ctrl-C; bounded by the runner. */
  readonly stop: () => Promise<void>
}

/** What a room (`worker`, `server`, `faults`) gives the runner. */
export interface Suite<Target> {
  readonly name: "worker" | "server" | "faults"
  /** Whose requirements it tests; the others have no place in its report. */
  readonly roles: ReadonlyArray<Role>
  /** The column's heading in reports, where the user gives none: `bun`, `quickjs-ng`, `server`. */
  readonly title: string
  /** What is tested, as the user wrote it: the command, or the URL. */
  readonly command: string
  /** All of them, validated; the runner chooses. Ids are unique. */
  readonly cases: ReadonlyArray<Case<Target>>
  /**
   * Starts the target once, to see that it works and what it is; what the cases share stays up until `stop`. A target that
   * does not start, dies at once or speaks another protocol rejects with `TargetUnusable`.
   */
  readonly start: (context: StartContext) => Promise<StartedTarget<Target>>
}

/** There is nothing that could be tested: exit code 3. The message says what happened, `details` what the target said. */
export class TargetUnusable extends Error {
  override readonly name = "TargetUnusable"
  readonly details: ReadonlyArray<string>

  constructor(message: string, details: ReadonlyArray<string> = []) {
    super(message)
    this.details = details
  }
}

/** Why a requirement does not bind a target; null where it does. */
export const whyNotBound = (requirement: Requirement, facts: TargetFacts): string | null => {
  if (!requirement.roles.some((role) => facts.roles.includes(role))) {
    return `it binds ${requirement.roles.join(" and ")} only`
  }
  if (requirement.since > facts.protocol) {
    return `it came with ${requirement.since}; the target speaks ${facts.protocol}`
  }
  if (requirement.javascript && !facts.javascript) return "it is about functions in JavaScript"
  return requirement.feature === null ? null : whyLacking(requirement.feature, facts)
}

/** Why a case is not for a target: its needs, or none of its requirements binds it. Null where it is. */
export const whyNotApplicable = (
  { needs, requirements }: Pick<Case<unknown>, "needs" | "requirements">,
  facts: TargetFacts,
  known: ReadonlyMap<string, Requirement>
): string | null => {
  if (needs.protocol !== undefined && needs.protocol > facts.protocol) {
    return `needs protocol ${needs.protocol}; the target speaks ${facts.protocol}`
  }
  if (needs.javascript === true && !facts.javascript) return "needs functions in JavaScript"
  for (const need of [...(needs.features ?? []), ...(needs.traits ?? [])]) {
    const reason = whyLacking(need, facts)
    if (reason !== null) return reason
  }
  const reasons = requirements.map((id) => {
    const requirement = known.get(id)
    return requirement === undefined ? null : whyNotBound(requirement, facts)
  })
  return reasons.includes(null) ? null : (reasons[0] ?? null)
}

/** What the command line would have to give the suite for a case; null where it is not that what keeps it from being run. */
export const whyOutOfReach = ({ traits = [] }: Needs, facts: TargetFacts): string | null => {
  const lacking = traits.filter((trait) => facts.whyNot?.[trait] !== undefined)
  return lacking.flatMap((trait) => whyLacking(trait, facts) ?? [])[0] ?? null
}

const whyLacking = (name: string, facts: TargetFacts): string | null => {
  if (facts.features.includes(name) || facts.traits.includes(name)) return null
  const more = facts.whyNot?.[name]
  return `the target has no ${name}${more === undefined ? "" : `: ${more}`}`
}
