import { describeInterface } from "../webidl/describeInterface.ts"
import { needArguments, usvString } from "../webidl/convert.ts"
import { attach, refill, type URLSearchParams } from "./URLSearchParams.ts"
import { registerBlob, revokeBlob } from "./blobUrls.ts"
import { url as native } from "./form.ts"
import { ABSENT, Setter } from "./native.ts"

const parts = native.parts

const optionalText = (value: unknown): string | undefined =>
  value === undefined ? undefined : usvString(value)

/** As Bun has it: a TypeError with a code and what was given. */
const invalid = (input: string, base: string | undefined): TypeError =>
  Object.assign(
    new TypeError("Invalid URL"),
    { code: "ERR_INVALID_URL", input },
    base === undefined ? {} : { base }
  )

/** URL standard, 6.1. Its state is the serialization and where its parts are in it. */
export class URL {
  #href = ""
  #protocolEnd = 0
  #usernameEnd = 0
  #hostStart = 0
  #hostEnd = 0
  #port = ABSENT
  #pathnameStart = 0
  #searchStart = ABSENT
  #hashStart = ABSENT
  #query: URLSearchParams | null = null

  constructor(url: string, base?: string) {
    needArguments(arguments.length, 1, "URL constructor")
    const input = usvString(url)
    const against = optionalText(base)
    const href = native.parse(input, against)
    if (href === null) throw invalid(input, against)
    this.#take(href)
  }

  static canParse(url: string, base: string | undefined = undefined): boolean {
    needArguments(arguments.length, 1, "URL.canParse")
    return native.canParse(usvString(url), optionalText(base))
  }

  static createObjectURL(object: unknown): string {
    needArguments(arguments.length, 1, "URL.createObjectURL")
    return registerBlob(object)
  }

  static parse(url: string, base: string | undefined = undefined): URL | null {
    needArguments(arguments.length, 1, "URL.parse")
    const input = usvString(url)
    const against = optionalText(base)
    return native.canParse(input, against) ? new URL(input, against) : null
  }

  static revokeObjectURL(url: string): void {
    needArguments(arguments.length, 1, "URL.revokeObjectURL")
    revokeBlob(usvString(url))
  }

  get href(): string {
    return this.#href
  }
  set href(value: string) {
    if (!(#href in this)) throw new TypeError("href: not called on a URL")
    const input = usvString(value)
    const href = native.parse(input, undefined)
    if (href === null) throw invalid(input, undefined)
    this.#take(href)
    this.#refill()
  }

  get origin(): string {
    const protocol = this.protocol
    if (
      protocol === "http:" ||
      protocol === "https:" ||
      protocol === "ws:" ||
      protocol === "wss:" ||
      protocol === "ftp:"
    ) {
      return `${protocol}//${this.host}`
    }
    return protocol === "blob:" ? native.origin(this.#href) : "null"
  }

  get protocol(): string {
    return this.#href.slice(0, this.#protocolEnd)
  }
  set protocol(value: string) {
    this.#set(Setter.protocol, value)
  }

  get username(): string {
    return this.#href.slice(this.#protocolEnd + 2, this.#usernameEnd)
  }
  set username(value: string) {
    this.#set(Setter.username, value)
  }

  get password(): string {
    return this.#href.slice(this.#usernameEnd + 1, this.#hostStart)
  }
  set password(value: string) {
    this.#set(Setter.password, value)
  }

  get host(): string {
    const start = this.#hostBegin()
    // Without a host, what is between its end and the path may be the "/." before a path that begins with "//".
    return start === this.#hostEnd ? "" : this.#href.slice(start, this.#pathnameStart)
  }
  set host(value: string) {
    this.#set(Setter.host, value)
  }

  get hostname(): string {
    return this.#href.slice(this.#hostBegin(), this.#hostEnd)
  }
  set hostname(value: string) {
    this.#set(Setter.hostname, value)
  }

  get port(): string {
    return this.#port === ABSENT ? "" : `${this.#port}`
  }
  set port(value: string) {
    this.#set(Setter.port, value)
  }

  get pathname(): string {
    const end = this.#searchStart < this.#hashStart ? this.#searchStart : this.#hashStart
    return end === ABSENT ? this.#href.slice(this.#pathnameStart) : this.#href.slice(this.#pathnameStart, end)
  }
  set pathname(value: string) {
    this.#set(Setter.pathname, value)
  }

  get search(): string {
    return this.#tail(this.#searchStart, this.#hashStart)
  }
  set search(value: string) {
    this.#set(Setter.search, value)
    this.#refill()
  }

  get searchParams(): URLSearchParams {
    return (this.#query ??= attach(this.search, (text) => {
      this.#set(Setter.search, text)
    }))
  }

  get hash(): string {
    return this.#tail(this.#hashStart, ABSENT)
  }
  set hash(value: string) {
    this.#set(Setter.hash, value)
  }

  toJSON(): string {
    return this.#href
  }

  toString(): string {
    return this.#href
  }

  #take(href: string): void {
    this.#href = href
    this.#protocolEnd = parts[0] as number
    this.#usernameEnd = parts[1] as number
    this.#hostStart = parts[2] as number
    this.#hostEnd = parts[3] as number
    this.#port = parts[4] as number
    this.#pathnameStart = parts[5] as number
    this.#searchStart = parts[6] as number
    this.#hashStart = parts[7] as number
  }

  #set(which: Setter, value: unknown): void {
    const text = usvString(value)
    this.#take(native.set(this.#href, which, text))
  }

  #refill(): void {
    if (this.#query !== null) refill(this.#query, this.search)
  }

  /** The host's start: behind the "@" where there are credentials. */
  #hostBegin(): number {
    const at = this.#hostStart
    return this.#hostEnd > at && this.#href.charCodeAt(at) === 0x40 ? at + 1 : at
  }

  /** From a "?" or "#" on; nothing where nothing follows it. */
  #tail(start: number, end: number): string {
    if (start === ABSENT) return ""
    const text = end === ABSENT ? this.#href.slice(start) : this.#href.slice(start, end)
    return text.length === 1 ? "" : text
  }
}

describeInterface(URL, "URL", 1)
