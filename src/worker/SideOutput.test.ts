import { expect, it } from "vitest"
import { SimulatedClock } from "../../tests/support/SimulatedClock.ts"
import { readSideOutput, SIDE_OUTPUT_BYTES_PER_SECOND } from "./SideOutput.ts"

it("keeps a second's budget, drops the rest and says how much once the second is over, also when nothing follows", async () => {
  const clock = new SimulatedClock()
  const seen: Array<string> = []
  let read = (): void => {}
  const allRead = new Promise<void>((resolve) => (read = resolve))
  let feed: ReadableStreamDefaultController<Uint8Array> | null = null
  const stream = new ReadableStream<Uint8Array>({
    start: (controller) => {
      feed = controller
      for (let i = 0; i < 8; i += 1)
        controller.enqueue(new Uint8Array(SIDE_OUTPUT_BYTES_PER_SECOND / 4).fill(120))
    },
    // Asked for more: everything so far has been taken.
    pull: () => read()
  })
  const done = readSideOutput(stream, clock.service, (text) => seen.push(text))
  await allRead
  await new Promise<void>((resolve) => setImmediate(resolve))
  clock.advance(1_000)
  expect(seen.at(-1)).toBe(`${SIDE_OUTPUT_BYTES_PER_SECOND} bytes of further output were cut`)
  ;(feed as ReadableStreamDefaultController<Uint8Array> | null)?.close()
  await done
  expect(seen.filter((text) => text.includes("cut"))).toHaveLength(1)
  expect(seen.filter((text) => !text.includes("cut")).join("")).toHaveLength(SIDE_OUTPUT_BYTES_PER_SECOND)
})
