import { expect, it } from "vitest"
import { BoundedText } from "./BoundedText.ts"

it("keeps the beginning and the end of what was printed, and counts the rest", () => {
  const text = new BoundedText(4)
  expect(text.text()).toBe("")
  for (const piece of ["ab", "cdef", "", "gh"]) text.add(Buffer.from(piece))
  expect(text.text()).toBe("abcdefgh")
  for (let i = 0; i < 100; i += 1) text.add(Buffer.from("12345"))
  expect(text.text()).toBe("abcd\n… 500 bytes cut …\n2345")
  expect(text.totalBytes).toBe(508)
})
