import { native } from "bunbase:core"
import type * as Url from "../segments/url.ts"
import { addEntry, FormData } from "./FormData.ts"

/** A form of `application/x-www-form-urlencoded` bytes. There is none that would be malformed. */
export const formDataOfUrlencoded = (bytes: Uint8Array): FormData => {
  const form = new FormData()
  const { parseUrlencoded } = native.segment("url") as typeof Url
  const parsed = parseUrlencoded(native.utf8Decode(bytes, false))
  for (let i = 0; i + 1 < parsed.length; i += 2) {
    addEntry(form, [parsed[i] as string, parsed[i + 1] as string])
  }
  return form
}
