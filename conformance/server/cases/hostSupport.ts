import { SetUpFailed } from "../../model/Case.ts"
import type { Matcher } from "../../worker/matchers/match.ts"
import { check } from "../check.ts"
import type { Fn } from "../Door.ts"
import type { ScriptedFunction } from "../scripted/scripted.ts"
import { processOf } from "../target/processTable.ts"

/** Whether no process has this number any more, or only a dead one. */
export const isGone = (pid: number): boolean => {
  const now = processOf(pid)
  return now === null || now.state === "Z"
}

/** Fails for these requirements alone. */
export const shows = (
  requirements: ReadonlyArray<string>,
  what: string,
  expected: Matcher,
  observed: unknown
): void => check(what, expected, observed, new Map(), requirements)

/** The answer of a worker that has done nothing wrong yet. Where there is none, nothing can be seen of what comes of it. */
export const firstAnswer = async (fn: Fn): Promise<Awaited<ReturnType<Fn["call"]>>> => {
  const answer = await fn.call("/")
  if (answer.status !== 200) throw new SetUpFailed("the function does not work", answer)
  return answer
}

/** The call does what the script says; afterwards the same worker goes on: it was not harmed by it. */
export const goesOn = async ({ fn }: ScriptedFunction): Promise<void> => {
  const before = await firstAnswer(fn)
  const misled = await fn.call("/do")
  check("the answer with what is to be ignored", { status: 200, text: before.text }, misled)
  check("the worker afterwards", { status: 200, text: before.text }, await fn.call("/"))
}

/** The call makes the worker break the protocol; it fails with FN_004, and another worker serves what comes next. */
export const isReplaced = async ({ fn }: ScriptedFunction): Promise<void> => {
  const before = await firstAnswer(fn)
  check("the invocation's failure", { status: 502, code: "FN_004" }, await fn.call("/do"))
  const after = await fn.call("/")
  check("the next invocation", { status: 200, text: { $not: before.text } }, after)
}
