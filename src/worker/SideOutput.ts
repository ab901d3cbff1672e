import type { MonotonicClock } from "../domain/MonotonicClock.ts"
import { OutputLines } from "./OutputLines.ts"

/** What one worker may print beside the protocol per second; more is dropped unread, and counted. */
export const SIDE_OUTPUT_BYTES_PER_SECOND = 256 * 1024
const WINDOW_MS = 1000

/**
 * Reads what a worker prints on stdout or stderr into lines. A flood costs the server next to nothing: past the second's
 * budget chunks are dropped before they are looked at, and between chunks everybody else has their turn.
 */
export const readSideOutput = async (
  stream: ReadableStream<Uint8Array>,
  clock: MonotonicClock["Type"],
  line: (text: string) => void
): Promise<void> => {
  const lines = new OutputLines(line)
  let windowEnds = clock.now() + WINDOW_MS
  let taken = 0
  let dropped = 0
  const report = (): void => {
    if (dropped > 0) line(`${dropped} bytes of further output were cut`)
    dropped = 0
  }
  for await (const chunk of stream) {
    if (clock.now() >= windowEnds) {
      windowEnds = clock.now() + WINDOW_MS
      taken = 0
    }
    const room = Math.max(0, SIDE_OUTPUT_BYTES_PER_SECOND - taken)
    if (room > 0) lines.push(chunk.subarray(0, room))
    taken += chunk.length
    const over = Math.max(0, chunk.length - room)
    // Told when the second is over, whether or not anything follows.
    if (over > 0 && dropped === 0) clock.after(windowEnds - clock.now(), report)
    dropped += over
    // A stream that always has more would otherwise keep timers and other sockets waiting.
    await new Promise<void>((resolve) => setImmediate(resolve))
  }
  lines.end()
  report()
}
