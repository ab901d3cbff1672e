import type { CryptoNative } from "./crypto/native.ts"
import type { UrlNative } from "./url/native.ts"

/**
 * What the C side offers to the library. `bunbase:native` exports one such object; segments other than the core take it
 * `from "bunbase:core"`. Nothing of it is ever visible to a function's code.
 */
export interface Native {
  // session

  /** One protocol line; the newline is added. It leaves the process at the end of the turn. */
  send(line: string): void
  /** Hands the host at once what it takes: for what must be out before a loop that never ends. */
  flush(): void
  /** One line: `head`, the bytes in base64, `tail`. */
  sendResponse(head: string, body: Uint8Array | null, tail: string): void
  /** Whether the host leaves more than 8 MiB unread, which are outside of the function's memory limit. */
  isClogged(): boolean
  /** The hook `drained` is called, once, as soon as the host has read on. */
  whenDrained(): void
  /** Ends the process as soon as the host has everything, after 500 ms at the latest. */
  flushThenExit(code: number): void
  /** A line for the host's operator, on standard error. */
  note(text: string): void

  /** After this turn the process is a fork server that listens there; its control channel is the protocol's. */
  becomeZygote(path: string): void
  /** The fork server takes no connection any more, and ends with its children. */
  stopZygote(): void
  readonly protocolVersion: string
  readonly engineVersion: string
  pid(): number
  /** The process's own environment. */
  environment(): Record<string, string>

  // time

  /** Milliseconds, monotonic, in steps of a microsecond. */
  now(): number
  /** Calls back once, in the asynchronous context of this moment. Throws a RangeError over a million open timers. */
  setTimer(delayMs: number, callback: () => void): number
  clearTimer(id: number): void

  // asynchronous context: one value, which follows promises, jobs, timers and host calls. Where it is an object with an
  // own property `deadline` (a time of `now()`), code that runs in it past that time is interrupted, uncatchably.

  context(): unknown
  runWith<A>(context: unknown, run: () => A): A

  // bytes

  utf8Encode(text: string): Uint8Array
  /** Bytes that the text takes. */
  utf8Length(text: string): number
  utf8EncodeInto(text: string, into: Uint8Array): { read: number; written: number }
  /** No handling of a BOM. Throws a TypeError where the bytes are malformed and `fatal` is true. */
  utf8Decode(bytes: Uint8Array, fatal: boolean): string
  /** Null when a character does not fit. */
  latin1Encode(text: string): Uint8Array | null
  latin1Decode(bytes: Uint8Array): string
  /** Whole code units; an odd last byte is left out. */
  utf16Decode(bytes: Uint8Array, bigEndian: boolean, fatal: boolean): string
  base64Encode(bytes: Uint8Array): string
  /** Strict: padded, nothing but the alphabet; null otherwise. */
  base64Decode(text: string): Uint8Array | null
  /** Entropy from the kernel. */
  randomFill(bytes: Uint8Array): void

  // engine

  promiseState(
    promise: unknown
  ): { readonly state: "pending" | "fulfilled" | "rejected"; readonly value: unknown } | null
  /** A promise whose rejection is nobody's concern. */
  markHandled(promise: unknown): void
  proxyTarget(value: unknown): { readonly target: unknown; readonly handler: unknown } | null
  /** The engine's class: "Object", "Date", "Map"…; empty for what is no object. */
  className(value: unknown): string
  /** A property key that no reflection shows. */
  privateSymbol(description: string): symbol
  /** The namespace of a segment of the library, loaded when first asked for. */
  segment(name: string): Record<string, unknown>
  /** The function's module, from source: the promise of its evaluation, and its namespace. Throws where it does not compile. */
  loadBundle(path: string): readonly [evaluated: Promise<void>, namespace: Record<string, unknown>]
  gc(): void
  /** Whether an allocation was ever refused for the memory limit. */
  memoryExhausted(): boolean
  /** Lets the engine have a little more than its limit. */
  relieveMemory(): void
  /** `limits` of a `load` message: `{memory_mb, stack_kb, cpu_seconds, max_fds, max_processes}`; what is missing stays. */
  applyLimits(limits: unknown): void

  // made at first use, by their own files

  url(): UrlNative
  crypto(): CryptoNative
}
