import { endsWith, includes, indexOf, slice, startsWith, trimEnd, trimStart } from "../webidl/primordials.ts"

/** Stacks as a function's author wants them: their own frames, and neither the library's nor the engine's. */

/** Whether a line is a stack's frame: `    at name (place)` or `    at place`. */
export const isFrame = (line: string): boolean => startsWith(trimStart(line), "at ")

/** Frames of the library are nobody's business. */
const isLibraryFrame = (line: string): boolean => includes(line, "(bunbase:")

const isEngineFrame = (line: string): boolean => {
  const frame = trimEnd(line)
  return endsWith(frame, "(native)") || endsWith(frame, "(missing)")
}

/**
 * A text without the frames of the library, and without those inside the engine: these stay where a stack has no others.
 * Any number of stacks; all other lines stay.
 */
export const ownFrames = (text: string): string => {
  if (!includes(text, "at ")) return text
  let kept = ""
  let own = ""
  let engine = ""
  let start = 0
  while (start <= text.length) {
    let end = indexOf(text, "\n", start)
    if (end === -1) end = text.length
    const line = slice(text, start, end)
    start = end + 1
    if (!isFrame(line)) {
      kept += `${own === "" ? engine : own}${line}\n`
      own = ""
      engine = ""
    } else if (isEngineFrame(line)) engine += `${line}\n`
    else if (!isLibraryFrame(line)) own += `${line}\n`
  }
  kept += own === "" ? engine : own
  return slice(kept, 0, -1)
}
