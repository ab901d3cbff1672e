import { native } from "bunbase:core"
import { domString } from "../webidl/convert.ts"
import { describeInterface } from "../webidl/describeInterface.ts"
import { TextDecoder } from "./TextDecoder.ts"
import { bytesOf } from "./source.ts"

interface Controller {
  readonly enqueue: (chunk: unknown) => void
}
interface Transform {
  readonly readable: object
  readonly writable: object
}

/** The streams' segment is big: it is loaded by those who make one of these, not by every user of a TextEncoder. */
const transformStream = (
  transform: (chunk: unknown, controller: Controller) => void,
  flush: (controller: Controller) => void
): Transform => {
  const { TransformStream } = native.segment("streams") as unknown as {
    readonly TransformStream: new (transformer: object) => Transform
  }
  return new TransformStream({ transform, flush })
}

const REPLACEMENT = [0xef, 0xbf, 0xbd] as const

/** Encoding standard, 7.6. */
export class TextEncoderStream {
  #stream: Transform

  constructor() {
    // The first half of a surrogate pair, the other half of which the next chunk may begin with.
    let lead = ""
    this.#stream = transformStream(
      (chunk, controller) => {
        const text = lead + domString(chunk)
        if (text === "") return
        const last = text.charCodeAt(text.length - 1)
        lead = last >= 0xd800 && last < 0xdc00 ? text.slice(-1) : ""
        const whole = lead === "" ? text : text.slice(0, -1)
        if (whole !== "") controller.enqueue(native.utf8Encode(whole.toWellFormed()))
      },
      (controller) => {
        if (lead !== "") controller.enqueue(new Uint8Array(REPLACEMENT))
      }
    )
  }

  get encoding(): string {
    return this.#stream && "utf-8"
  }

  get readable(): object {
    return this.#stream.readable
  }

  get writable(): object {
    return this.#stream.writable
  }
}

/** Encoding standard, 7.5. */
export class TextDecoderStream {
  #decoder: TextDecoder
  #stream: Transform

  constructor(label: string = "utf-8", options: unknown = undefined) {
    const decoder = new TextDecoder(label, options)
    this.#decoder = decoder
    this.#stream = transformStream(
      (chunk, controller) => {
        const text = decoder.decode(bytesOf(chunk, "TextDecoderStream"), { stream: true })
        if (text !== "") controller.enqueue(text)
      },
      (controller) => {
        const text = decoder.decode()
        if (text !== "") controller.enqueue(text)
      }
    )
  }

  get encoding(): string {
    return this.#decoder.encoding
  }

  get fatal(): boolean {
    return this.#decoder.fatal
  }

  get ignoreBOM(): boolean {
    return this.#decoder.ignoreBOM
  }

  get readable(): object {
    return this.#stream.readable
  }

  get writable(): object {
    return this.#stream.writable
  }
}

describeInterface(TextEncoderStream, "TextEncoderStream", 0)
describeInterface(TextDecoderStream, "TextDecoderStream", 0)
