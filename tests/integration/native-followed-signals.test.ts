import { describe, expect, test } from "vitest"
import { bundleOf, goesOn, native } from "../support/HardenedWorker.ts"

const ROUNDS = 6

describe("a signal on a native worker that lives long", () => {
  test.each([
    ["AbortSignal.any", "AbortSignal.any([controller.signal])"],
    ["AbortSignal.any of one that follows", "AbortSignal.any([AbortSignal.any([controller.signal])])"],
    ["the signal of a Request", `new Request("http://a.example/", { signal: controller.signal }).signal`]
  ])("keeps nothing of those that followed it and are gone: %s", async (_name, follow) => {
    const bundle = bundleOf(
      `for (let i = 0; i < 8_000; i++) ${follow}
      const kept = ${follow}
      let heard = 0
      kept.onabort = () => heard++
      if (path === "/abort") controller.abort("now")
      return new Response([kept.aborted, kept.reason, heard].join())`,
      "const controller = new AbortController()"
    )
    const guest = await native(bundle, 12)
    for (let round = 0; round < ROUNDS; round += 1)
      expect(await guest.response()).toMatchObject({ text: "false,,0" })
    expect(await guest.response({ path: "/abort" })).toMatchObject({ text: "true,now,1" })
    await goesOn(guest)
  })
})
