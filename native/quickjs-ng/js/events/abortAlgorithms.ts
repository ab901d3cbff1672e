import type { AbortSignal } from "./AbortSignal.ts"

/**
 * What AbortSignal gives to the other modules. AbortSignal is an EventTarget, and an EventTarget's listeners can be removed
 * by an AbortSignal: this table is what keeps the two modules from importing each other.
 */
export const whenAborted = {
  /** Whether a value is an AbortSignal. */
  isSignal: (_value: unknown): _value is AbortSignal => false,
  /** Calls an algorithm once when the signal is aborted, before its event. Nothing happens when it already is. */
  add: (_signal: AbortSignal, _algorithm: () => void): void => {},
  remove: (_signal: AbortSignal, _algorithm: () => void): void => {},
  /** Somebody began or ceased to listen: it decides whether a signal that follows others may be collected. */
  listenersChanged: (_target: object): void => {}
}
