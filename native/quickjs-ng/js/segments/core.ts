/**
 * The segment that is evaluated when the worker starts: globals, session, timers. The C side takes the hooks `start`,
 * `message`, `uncaught`… from it (the names are in src/vm.c).
 */
import { installProcess } from "../core/environment.ts"
import { installGlobal, installGlobals } from "../core/globals.ts"
import { installPerformance } from "../core/performance.ts"
import { installScope } from "../core/scope.ts"
import { uncaught } from "../core/session.ts"
import { clearInterval, clearTimeout, setInterval, setTimeout } from "../core/timers.ts"

export { drained, sendInTurn, takeBack } from "../core/backlog.ts"
export { native } from "../core/native.ts"
export { giveUp as exhausted, interrupted, invocationId, speaker } from "../core/invocations.ts"
export { forked, hostIsDeaf, message, refused, rejection, start, uncaught, zygote } from "../core/session.ts"
export { ownFrames } from "../core/frames.ts"
/** As it was before any code of a function's ran: walks up the prototypes end, whatever became of the global one. */
export { getPrototypeOf } from "../core/intrinsics.ts"
export { describeThrown, showError } from "../core/thrown.ts"
/** For what a listener or callback of the library's throws: it becomes a log message of whoever runs. */
export const reportException = uncaught

installGlobals()
installGlobal("setTimeout", setTimeout)
installGlobal("setInterval", setInterval)
installGlobal("clearTimeout", clearTimeout)
installGlobal("clearInterval", clearInterval)
installScope()
installProcess()
installPerformance()
