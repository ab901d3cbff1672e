import type { AbortSignal } from "../events/AbortSignal.ts"
import { Body } from "./Body.ts"
import type { Guard, Headers } from "./Headers.ts"
import { HeaderList } from "./HeaderList.ts"
import { events } from "./lazy.ts"
import { withoutFragment } from "./urls.ts"

export const MODES = ["cors", "navigate", "no-cors", "same-origin"] as const
export type RequestMode = (typeof MODES)[number]
export const CREDENTIALS = ["include", "omit", "same-origin"] as const
export type RequestCredentials = (typeof CREDENTIALS)[number]
export const CACHES = ["default", "force-cache", "no-cache", "no-store", "only-if-cached", "reload"] as const
export type RequestCache = (typeof CACHES)[number]
export const REDIRECTS = ["error", "follow", "manual"] as const
export type RequestRedirect = (typeof REDIRECTS)[number]
export const POLICIES = [
  "",
  "no-referrer",
  "no-referrer-when-downgrade",
  "origin",
  "origin-when-cross-origin",
  "same-origin",
  "strict-origin",
  "strict-origin-when-cross-origin",
  "unsafe-url"
] as const
export type ReferrerPolicy = (typeof POLICIES)[number]

/**
 * What a Request is made of. `url`, `list` and `body` are made when they are first used, where the request came by wire.
 */
export class RequestState {
  method = "GET"
  guard: Guard = "request"
  headers: Headers | null = null
  referrer = "about:client"
  referrerPolicy: ReferrerPolicy = ""
  mode: RequestMode = "cors"
  credentials: RequestCredentials = "same-origin"
  cache: RequestCache = "default"
  redirect: RequestRedirect = "follow"
  integrity = ""
  keepalive = false
  #url: string | (() => string) = ""
  #list: HeaderList | (() => HeaderList) | null = null
  #body: Body | (() => Body | null) | null = null
  #signal: AbortSignal | null = null
  #makeSignal: (() => AbortSignal) | null = null

  /** Serialised, with its fragment. */
  get url(): string {
    if (typeof this.#url === "function") this.#url = this.#url()
    return this.#url
  }

  set url(url: string | (() => string)) {
    this.#url = url
  }

  get urlWithoutFragment(): string {
    return withoutFragment(this.url)
  }

  get list(): HeaderList {
    const list = this.#list
    if (list === null) return (this.#list = new HeaderList())
    return typeof list === "function" ? (this.#list = list()) : list
  }

  set list(list: HeaderList | (() => HeaderList)) {
    this.#list = list
  }

  get body(): Body | null {
    if (typeof this.#body === "function") this.#body = this.#body()
    return this.#body
  }

  set body(body: Body | (() => Body | null) | null) {
    this.#body = body
  }

  get signal(): AbortSignal {
    return (this.#signal ??= this.#makeSignal === null ? events().makeSignal() : this.#makeSignal())
  }

  /** Null: nobody has asked for the signal, and nothing can abort it. */
  get signalIfAny(): AbortSignal | null {
    return this.#signal === null && this.#makeSignal === null ? null : this.signal
  }

  /** Made when it is asked for. */
  set signalSource(makeSignal: (() => AbortSignal) | null) {
    this.#makeSignal = makeSignal
  }

  /** The signal that follows another one. */
  follow(signal: () => AbortSignal): void {
    this.#makeSignal = () => events().AbortSignal.any([signal()])
  }

  contentType(): string | null {
    return this.list.get("content-type")
  }

  /** All but headers' guard, signal and body. */
  copy(): RequestState {
    const copy = new RequestState()
    copy.method = this.method
    copy.url = typeof this.#url === "function" ? () => this.url : this.#url
    copy.list = this.list.copy()
    copy.referrer = this.referrer
    copy.referrerPolicy = this.referrerPolicy
    copy.mode = this.mode
    copy.credentials = this.credentials
    copy.cache = this.cache
    copy.redirect = this.redirect
    copy.integrity = this.integrity
    copy.keepalive = this.keepalive
    return copy
  }

  clone(): RequestState {
    const copy = this.copy()
    copy.guard = this.guard
    const { body } = this
    copy.body = body === null ? null : body.clone()
    // nothing can abort a signal that nobody made: the clone's own is enough
    if (this.#makeSignal !== null || this.#signal !== null) copy.follow(() => this.signal)
    return copy
  }
}
