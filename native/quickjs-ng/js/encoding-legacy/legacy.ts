import { normalizeEncoding } from "@exodus/bytes/encoding.js"
import { createMultibyteDecoder } from "@exodus/bytes/multi-byte.js"
import { createSinglebyteDecoder } from "@exodus/bytes/single-byte.js"
import type { LegacyDecoder } from "../encoding/labels.ts"

const MULTIBYTE = ["big5", "euc-kr", "euc-jp", "iso-2022-jp", "shift_jis", "gbk", "gb18030"]

/** The encoding of a label, in small letters; null for an unknown one. */
export const normalize = (label: string): string | null => normalizeEncoding(label)

/** A decoder with a state of its own; it throws TypeError where it is fatal and the bytes are wrong. */
export const decoder = (encoding: string, fatal: boolean): LegacyDecoder => {
  if (MULTIBYTE.includes(encoding)) {
    return createMultibyteDecoder(encoding as Parameters<typeof createMultibyteDecoder>[0], !fatal)
  }
  return createSinglebyteDecoder(encoding as Parameters<typeof createSinglebyteDecoder>[0], !fatal)
}
