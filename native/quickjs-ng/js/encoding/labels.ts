import { native } from "bunbase:core"

/** What is decoded here; all other encodings are in a segment of their own, which few ever load. */
const own = new Map<string, string>()
const name = (encoding: string, labels: ReadonlyArray<string>): void => {
  for (const label of labels) own.set(label, encoding)
}
name("utf-8", ["utf-8", "utf8", "unicode-1-1-utf-8", "unicode11utf8", "unicode20utf8", "x-unicode20utf8"])
name("utf-16le", ["utf-16le", "utf-16", "csunicode", "iso-10646-ucs-2", "ucs-2", "unicode", "unicodefeff"])
name("utf-16be", ["utf-16be", "unicodefffe"])
name("windows-1252", [
  "windows-1252",
  "cp1252",
  "x-cp1252",
  "ascii",
  "us-ascii",
  "ansi_x3.4-1968",
  "latin1",
  "l1"
])
name("windows-1252", ["cp819", "ibm819", "csisolatin1", "iso-8859-1", "iso-ir-100", "iso8859-1", "iso88591"])
name("windows-1252", ["iso_8859-1", "iso_8859-1:1987"])

/** A decoder of one of the other encodings; with `stream` unset it is as new after the call. */
export type LegacyDecoder = (bytes: Uint8Array, stream: boolean) => string

/** What the segment `encoding-legacy` offers. */
export interface Legacy {
  /** The encoding of a label, in small letters. */
  readonly normalize: (label: string) => string | null
  /** Throws TypeError from the decoder where it is fatal and the bytes are wrong. */
  readonly decoder: (encoding: string, fatal: boolean) => LegacyDecoder
}

const legacy = (): Legacy => native.segment("encoding-legacy") as unknown as Legacy

let making = false

/** A decoder of an encoding that is not decoded here. */
export const legacyDecoder = (encoding: string, fatal: boolean): LegacyDecoder => {
  // The library there tries the global TextDecoder first, which would come back here for ever: it takes a RangeError as
  // the answer that there is none, and goes on by its own tables.
  if (making) throw new RangeError(`no ${encoding}`)
  making = true
  try {
    return legacy().decoder(encoding, fatal)
  } finally {
    making = false
  }
}

const OUTER_SPACE = /^[\t\n\f\r ]+|[\t\n\f\r ]+$/g

/** Encoding standard, 4.2: the name of a label's encoding in small letters, or null. "replacement" is none for a decoder. */
export const encodingOf = (label: string): string | null => {
  const known = own.get(label)
  if (known !== undefined) return known
  const bare = label.replace(OUTER_SPACE, "")
  // Only ASCII letters have a small form here: no other character becomes one of a label.
  const small = bare.replace(/[A-Z]/g, (letter) => letter.toLowerCase())
  const found = own.get(small) ?? legacy().normalize(small)
  return found === "replacement" ? null : found
}
