import { native } from "bunbase:core"
import type * as Events from "../segments/events.ts"
import type * as More from "../segments/fetch-more.ts"
import type * as Files from "../segments/files.ts"
import type * as Streams from "../segments/streams.ts"
import type * as Url from "../segments/url.ts"

/**
 * The other segments, evaluated when they are needed and not before: a function that answers with a string never has
 * streams in its memory.
 */
const segment = <Namespace>(name: string): (() => Namespace) => {
  let held: Namespace | null = null
  return () => (held ??= native.segment(name) as Namespace)
}

export const events = segment<typeof Events>("events")
export const files = segment<typeof Files>("files")
export const streams = segment<typeof Streams>("streams")
export const url = segment<typeof Url>("url")
/** What few functions need of this very area: fetch itself, `new Request(…)`, MIME types, responses of other makes. */
export const more = segment<typeof More>("fetch-more")
