/** How many bytes at the end are the beginning of a UTF-8 sequence that more bytes could complete: 0 to 3. */
export const unfinishedUtf8 = (bytes: Uint8Array): number => {
  const size = bytes.length
  for (let back = 1; back <= 3 && back <= size; back++) {
    const byte = bytes[size - back] as number
    if (byte >= 0x80 && byte < 0xc0) continue
    const length = byte >= 0xf0 ? 4 : byte >= 0xe0 ? 3 : 2
    if (byte < 0xc2 || byte > 0xf4 || back >= length) return 0
    return back === 1 || secondFits(byte, bytes[size - back + 1] as number) ? back : 0
  }
  return 0
}

/** Whether the first continuation byte keeps the sequence from being overlong, a surrogate or above U+10FFFF. */
const secondFits = (first: number, second: number): boolean => {
  if (first === 0xe0) return second >= 0xa0
  if (first === 0xed) return second <= 0x9f
  if (first === 0xf0) return second >= 0x90
  return first !== 0xf4 || second <= 0x8f
}

/** How many bytes at the end are half a code unit or the first half of a surrogate pair: 0 to 3. */
export const unfinishedUtf16 = (bytes: Uint8Array, bigEndian: boolean): number => {
  const odd = bytes.length % 2
  const last = bytes.length - odd - 2
  if (last < 0) return odd
  const high = bytes[bigEndian ? last : last + 1] as number
  return high >= 0xd8 && high < 0xdc ? odd + 2 : odd
}
