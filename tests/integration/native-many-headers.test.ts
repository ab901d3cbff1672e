import { describe, expect, test } from "vitest"
import { bundleOf, goesOn, native } from "../support/HardenedWorker.ts"

describe("Headers on a native worker", () => {
  test("of 40,000 names are made, changed, read, copied and taken away in reasonable time", async () => {
    const bundle = bundleOf(`const headers = new Headers()
      const name = (i) => "x-" + i
      const COUNT = 40_000
      for (let i = 0; i < COUNT; i++) headers.append(name(i), "a")
      for (let i = 0; i < COUNT; i++) headers.set(name(i), "b")
      for (let i = 0; i < COUNT; i += 2) headers.append(name(i), "c")
      let right = 0
      for (let i = 0; i < COUNT; i++) if (headers.get(name(i)) === (i % 2 === 0 ? "b, c" : "b")) right++
      const copied = [...new Headers(headers).keys()].length
      const made = new Request("http://a.example/", { headers })
      for (let i = 0; i < COUNT; i++) if (i !== 7) headers.delete(name(i))
      return new Response([right, copied, [...made.headers].length, [...headers]].join(" "))`)
    const guest = await native(bundle, 256)
    expect((await guest.response({ deadlineMs: 50_000 })).text).toBe("40000 40000 40000 x-7,b")
    await goesOn(guest)
  })

  // few are looked through, many have an index: what is to be seen is the same
  test.each([0, 1, 63, 64, 65, 200])("are the same beside %i others", async (others) => {
    const bundle = bundleOf(`const COUNT = Number(new URL(request.url).searchParams.get("others"))
      const fill = (headers, from, to) => { for (let i = from; i < to; i++) headers.append("zz-" + i, "z") }
      const seen = (headers) => [...headers].filter(([name]) => !name.startsWith("zz-"))
      const headers = new Headers({ b: "1", a: "2" })
      fill(headers, 0, COUNT >> 1)
      headers.append("B", "3")
      headers.append("set-cookie", "c=1")
      headers.append("c", "4")
      headers.append("set-cookie", "d=2")
      fill(headers, COUNT >> 1, COUNT)
      const steps = [seen(headers), headers.get("b"), headers.getSetCookie(), headers.has("c"), headers.has("e")]
      headers.set("b", "5")
      headers.delete("c")
      headers.delete("none")
      headers.set("e", "6")
      headers.append("e", "7")
      steps.push(seen(headers), headers.get("e"), headers.get("none"), headers.has("c"))
      headers.set("set-cookie", "e=3")
      steps.push(headers.getSetCookie(), seen(new Headers(headers)))
      headers.append("set-cookie", "f=4")
      headers.set("zz-0", "z")
      return new Response(JSON.stringify(steps), { headers })`)
    const guest = await native(bundle)
    const answer = await guest.response({ url: `/?others=${others}` })
    const set = [
      ["set-cookie", "c=1"],
      ["set-cookie", "d=2"]
    ]
    const changed = [
      ["a", "2"],
      ["b", "5"],
      ["e", "6, 7"]
    ]
    expect(JSON.parse(answer.text)).toEqual([
      [["a", "2"], ["b", "1, 3"], ["c", "4"], ...set],
      "1, 3",
      ["c=1", "d=2"],
      true,
      false,
      [...changed, ...set],
      "6, 7",
      null,
      false,
      ["e=3"],
      [...changed, ["set-cookie", "e=3"]]
    ])
    const own = Object.entries(answer.headers).filter(([name]) => !name.startsWith("zz-"))
    expect(Object.fromEntries(own)).toEqual({
      a: "2",
      b: "5",
      "content-type": "text/plain;charset=UTF-8",
      e: "6, 7",
      "set-cookie": ["e=3", "f=4"]
    })
    expect(Object.keys(answer.headers).length - own.length).toBe(Math.max(others, 1))
    await goesOn(guest)
  })
})
