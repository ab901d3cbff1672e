/** Stacks as a function's author wants them: their own frames, and not those of the runtime or of this program. */

// The guest's paths are the service's own: one file, or, run from its sources, whatever it imports of them.
const { dirname, filename } = import.meta
const guestPath = filename.endsWith(".ts") ? dirname.slice(0, -"guest/bun".length) : filename

/** Where Bun says that a frame lies which is none of any file. */
const RUNTIME_PLACES = ["node:", "bun:", "internal:", "native:", "[native code]", ":"] as const

/** Whether a line is a stack's frame: `    at name (place)` or `    at place`. */
export const isFrame = (line: string): boolean => line.trimStart().startsWith("at ")

const isRuntimeFrame = (line: string): boolean => {
  const frame = line.trim()
  const open = frame.endsWith(")") ? frame.lastIndexOf("(") : -1
  const bare = frame.startsWith("at async ") ? "at async ".length : "at ".length
  const place = open === -1 ? frame.slice(bare) : frame.slice(open + 1, -1)
  if (place === "native" || place === "unknown") return true
  for (let i = 0; i < RUNTIME_PLACES.length; i += 1)
    if (place.startsWith(RUNTIME_PLACES[i] as string)) return true
  return false
}

/**
 * A text without the frames of the guest, and without those inside the runtime (`node:async_hooks`, `native`): these stay
 * where a stack has no others, because one that says nothing helps nobody. Any number of stacks; all other lines stay.
 */
export const ownFrames = (text: string): string => {
  if (!text.includes("at ")) return text
  const kept: Array<string> = []
  let own: Array<string> = []
  let runtime: Array<string> = []
  // no iterators, nor a spread: a function may have spoilt them so that they never end
  const keep = (frames: ReadonlyArray<string>): void => {
    for (let i = 0; i < frames.length; i += 1) kept.push(frames[i] as string)
  }
  const lines = text.split("\n")
  for (let i = 0; i < lines.length; i += 1) {
    const line = lines[i] as string
    if (!isFrame(line)) {
      keep(own.length > 0 ? own : runtime)
      kept.push(line)
      own = []
      runtime = []
    } else if (isRuntimeFrame(line)) runtime.push(line)
    else if (!line.includes(guestPath)) own.push(line)
  }
  keep(own.length > 0 ? own : runtime)
  return kept.join("\n")
}
