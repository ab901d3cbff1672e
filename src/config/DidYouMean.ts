/** Edits that turn one text into the other: a character put in, left out, changed, or two neighbours swapped. */
export const editDistance = (a: string, b: string): number => {
  let beforeLast: Array<number> = []
  let last = Array.from({ length: b.length + 1 }, (_, j) => j)
  for (let i = 1; i <= a.length; i++) {
    const row = [i]
    for (let j = 1; j <= b.length; j++) {
      const change = a[i - 1] === b[j - 1] ? 0 : 1
      let least = Math.min((last[j] ?? 0) + 1, (row[j - 1] ?? 0) + 1, (last[j - 1] ?? 0) + change)
      if (i > 1 && j > 1 && a[i - 1] === b[j - 2] && a[i - 2] === b[j - 1]) {
        least = Math.min(least, (beforeLast[j - 2] ?? 0) + 1)
      }
      row.push(least)
    }
    beforeLast = last
    last = row
  }
  return last[b.length] ?? 0
}

/** As many as are worth reading. */
const MOST_NAMES = 4

/**
 * The known names that were probably meant: the one that is a slip away; else those that say all that was written and more (`--port`: `--http-port`), else the
 * one that was probably mistyped. Empty where none is near.
 */
export const namesLike = (written: string, known: ReadonlyArray<string>): ReadonlyArray<string> => {
  const slip = didYouMean(written, known)
  if (slip !== null && editDistance(written.toLowerCase(), slip.toLowerCase()) === 1) return [slip]
  const wanted = partsOf(written)
  const fuller = known.filter((name) => {
    const parts = partsOf(name)
    return wanted.length > 0 && wanted.every((part) => parts.includes(part))
  })
  if (fuller.length > 0 && fuller.length <= MOST_NAMES) return fuller
  return slip === null ? [] : [slip]
}

const partsOf = (name: string): ReadonlyArray<string> =>
  name
    .toLowerCase()
    .split(/[^a-z0-9]+/)
    .filter((part) => part !== "")

/** `did you mean a?`, or `did you mean one of a, b?`; null where there are none. */
export const didYouMeanOneOf = (names: ReadonlyArray<string>, before = ""): string | null =>
  names.length === 0
    ? null
    : `did you mean ${names.length === 1 ? "" : "one of "}${names.map((name) => before + name).join(", ")}?`

/** The known word that was probably meant, or null where none is near (a third of its length, at least 2 edits). */
export const didYouMean = (word: string, known: ReadonlyArray<string>): string | null => {
  // Nobody mistypes a word of several hundred characters, and the distance costs the product of the lengths.
  if (word.length > 100) return null
  let nearest: string | null = null
  let least = Infinity
  for (const candidate of known) {
    const distance = editDistance(word.toLowerCase(), candidate.toLowerCase())
    if (distance < least && distance <= Math.max(2, Math.floor(candidate.length / 3))) {
      nearest = candidate
      least = distance
    }
  }
  return nearest
}
