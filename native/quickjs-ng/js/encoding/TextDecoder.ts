import { native } from "bunbase:core"
import { dictionary, domString } from "../webidl/convert.ts"
import { describeInterface } from "../webidl/describeInterface.ts"
import { bytesOf, joined } from "./source.ts"
import { encodingOf, type LegacyDecoder, legacyDecoder } from "./labels.ts"
import { unfinishedUtf16, unfinishedUtf8 } from "./unfinished.ts"

/** windows-1252 from 0x80 to 0x9F, where it differs from Latin-1. */
const WINDOWS =
  "\u20ac\x81\u201a\u0192\u201e\u2026\u2020\u2021\u02c6\u2030\u0160\u2039\u0152\x8d\u017d\x8f" +
  "\x90\u2018\u2019\u201c\u201d\u2022\u2013\u2014\u02dc\u2122\u0161\u203a\u0153\x9d\u017e\u0178"
const C1 = /[\x80-\x9f]/g

const windows1252 = (bytes: Uint8Array): string =>
  native.latin1Decode(bytes).replace(C1, (control) => WINDOWS[control.charCodeAt(0) - 0x80] as string)

/** Encoding standard, 7.2. */
export class TextDecoder {
  #encoding: string
  #fatal: boolean
  #ignoreBOM: boolean
  /** Bytes of an unfinished character, of the calls before. */
  #pending: Uint8Array | null = null
  /** The first character of the stream is through, so that no other one is a byte order mark. */
  #begun = false
  #streaming = false
  #legacy: LegacyDecoder | null = null

  constructor(label: string = "utf-8", options: unknown = undefined) {
    const given = domString(label)
    const settings = dictionary(options, "TextDecoder")
    const fatal = Boolean(settings["fatal"])
    const ignoreBOM = Boolean(settings["ignoreBOM"])
    const encoding = encodingOf(given)
    if (encoding === null) {
      throw Object.assign(new RangeError(`Unsupported encoding label ${JSON.stringify(given)}`), {
        code: "ERR_ENCODING_NOT_SUPPORTED"
      })
    }
    this.#encoding = encoding
    this.#fatal = fatal
    this.#ignoreBOM = ignoreBOM
    if (
      encoding !== "utf-8" &&
      encoding !== "utf-16le" &&
      encoding !== "utf-16be" &&
      encoding !== "windows-1252"
    ) {
      this.#legacy = legacyDecoder(encoding, fatal)
    }
  }

  get encoding(): string {
    return this.#encoding
  }

  get fatal(): boolean {
    return this.#fatal
  }

  get ignoreBOM(): boolean {
    return this.#ignoreBOM
  }

  decode(input: unknown = undefined, options: unknown = undefined): string {
    const encoding = this.#encoding
    const given = input === undefined ? new Uint8Array(0) : bytesOf(input, "TextDecoder.decode")
    const stream = Boolean(dictionary(options, "TextDecoder.decode")["stream"])
    if (!this.#streaming) {
      this.#pending = null
      this.#begun = false
    }
    this.#streaming = stream
    try {
      if (encoding === "windows-1252") return windows1252(given)
      if (this.#legacy !== null) return this.#legacy(given, stream)
      return this.#decodeUnicode(given, stream)
    } catch (error) {
      if (!this.#fatal || !(error instanceof TypeError)) throw error
      this.#pending = null
      throw Object.assign(new TypeError(`The encoded data was not valid for encoding ${encoding}`), {
        code: "ERR_ENCODING_INVALID_ENCODED_DATA"
      })
    }
  }

  #decodeUnicode(given: Uint8Array, stream: boolean): string {
    const encoding = this.#encoding
    const bigEndian = encoding === "utf-16be"
    let bytes = this.#pending === null ? given : joined(this.#pending, given)
    this.#pending = null
    const rest =
      encoding === "utf-8" ? (stream ? unfinishedUtf8(bytes) : 0) : unfinishedUtf16(bytes, bigEndian)
    if (rest > 0) {
      if (stream) this.#pending = bytes.slice(bytes.length - rest)
      else if (this.#fatal) throw new TypeError("unfinished")
      bytes = bytes.subarray(0, bytes.length - rest)
    }
    // What is unfinished at the end of UTF-16 counts as one error, half a surrogate pair and half a code unit together.
    const end = rest > 0 && !stream ? "\ufffd" : ""
    if (bytes.length === 0) return end
    const text =
      (encoding === "utf-8"
        ? native.utf8Decode(bytes, this.#fatal)
        : native.utf16Decode(bytes, bigEndian, this.#fatal)) + end
    const first = !this.#begun
    this.#begun = true
    return first && !this.#ignoreBOM && text.charCodeAt(0) === 0xfeff ? text.slice(1) : text
  }
}

describeInterface(TextDecoder, "TextDecoder", 0)
