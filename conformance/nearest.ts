/** The known name that was probably meant, or null where none is near: a third of its length away, or two edits. */
export const nearest = (written: string, known: Iterable<string>): string | null => {
  // Nobody mistypes several hundred characters, and the distance costs the product of the lengths.
  if (written.length > 100) return null
  let found: string | null = null
  let least = Infinity
  for (const name of known) {
    const distance = editDistance(written.toLowerCase(), name.toLowerCase())
    if (distance < least && distance <= Math.max(2, Math.floor(name.length / 3))) {
      found = name
      least = distance
    }
  }
  return found
}

/** `; did you mean X?`, or what else is to say where nothing is near. */
export const didYouMean = (written: string, known: Iterable<string>, otherwise = ""): string => {
  const name = nearest(written, known)
  return name === null ? otherwise : `; did you mean ${name}?`
}

/** Edits that turn one text into the other: a character put in, left out, changed, or two neighbours swapped. */
const editDistance = (a: string, b: string): number => {
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
