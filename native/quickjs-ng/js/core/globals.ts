import { descriptor } from "../webidl/primordials.ts"
import { defineProperty } from "./intrinsics.ts"
import { native } from "./native.ts"

/**
 * The globals of each segment. An owner of a segment adds its names here: `name`, or `[global name, export]` where the
 * two differ.
 */
const GLOBALS: Readonly<Record<string, ReadonlyArray<string>>> = {
  fetch: ["Headers", "Request", "Response", "fetch"],
  files: ["Blob", "File", "FormData"],
  streams: [
    "ReadableStream",
    "ReadableStreamDefaultReader",
    "ReadableStreamBYOBReader",
    "ReadableStreamDefaultController",
    "ReadableByteStreamController",
    "ReadableStreamBYOBRequest",
    "WritableStream",
    "WritableStreamDefaultWriter",
    "WritableStreamDefaultController",
    "TransformStream",
    "TransformStreamDefaultController",
    "ByteLengthQueuingStrategy",
    "CountQueuingStrategy"
  ],
  events: [
    "Event",
    "CustomEvent",
    "EventTarget",
    "AbortController",
    "AbortSignal",
    "ErrorEvent",
    "PromiseRejectionEvent"
  ],
  url: ["URL", "URLSearchParams"],
  urlpattern: ["URLPattern"],
  encoding: ["TextEncoder", "TextDecoder", "TextEncoderStream", "TextDecoderStream"],
  clone: ["structuredClone"],
  console: ["console"],
  crypto: ["crypto", "Crypto", "CryptoKey", "SubtleCrypto"]
}

/** Makes a name a plain data property, as if it had always been one. */
const settle = (name: string, value: unknown): void => {
  defineProperty(globalThis, name, descriptor({ value, writable: true, configurable: true }))
}

/**
 * Defines the globals of all segments as accessors that turn into data properties when they are first read or written:
 * a segment that nobody uses is never loaded.
 */
export const installGlobals = (): void => {
  for (const segment in GLOBALS) {
    for (const name of GLOBALS[segment] as ReadonlyArray<string>) {
      defineProperty(globalThis, name, {
        get: () => {
          const value = native.segment(segment)[name]
          settle(name, value)
          return value
        },
        set: (value: unknown) => settle(name, value),
        enumerable: false,
        configurable: true
      })
    }
  }
}

/** Defines a global at once. */
export const installGlobal = settle
