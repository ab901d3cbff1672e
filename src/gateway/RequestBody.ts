import type { BodyBudget } from "../router/BodyBudget.ts"

/** Why a body is not read: over its own limit (413), or no room beside the bodies of others (FN_007). */
export type BodyRefusal = "too_large" | "no_room"

/** What `Content-Length` declares, or null without one. The HTTP server has refused everything that is not a number. */
export const declaredLength = (contentLength: string | null | undefined): number | null =>
  contentLength == null ? null : Number.parseInt(contentLength, 10)

/** The body of one request, and its place in the budget until `giveBack`. */
export class HeldBody {
  readonly #request: Request
  readonly #declared: number | null
  readonly #limitBytes: number
  readonly #budget: BodyBudget["Type"]
  #held = 0
  #over = false

  constructor(request: Request, declared: number | null, limitBytes: number, budget: BodyBudget["Type"]) {
    this.#request = request
    this.#declared = declared
    this.#limitBytes = limitBytes
    this.#budget = budget
  }

  /** Asked once, before `read`: a declared length is refused before a byte is read, or has its place from here on. */
  admit(): BodyRefusal | null {
    if (this.#declared === null) return null
    if (this.#declared > this.#limitBytes) return "too_large"
    return this.#take(this.#declared) ? null : "no_room"
  }

  /** The whole body. Fails when the client goes away, or sends chunks that are none. */
  read(): Promise<Uint8Array | BodyRefusal> {
    return this.#declared === null ? this.#readCounted() : this.#request.bytes()
  }

  /** Nobody needs the body any more. Harmless the second time. */
  giveBack(): void {
    this.#over = true
    this.#budget.giveBack(this.#held)
    this.#held = 0
  }

  /** False also after `giveBack`: who reads on then would hold what nobody gives back. */
  #take(bytes: number): boolean {
    if (this.#over || !this.#budget.take(bytes)) return false
    this.#held += bytes
    return true
  }

  /**
   * A body whose length its client did not declare, counted as it arrives; it ends at the first chunk that is too much, and
   * what follows is not kept. Between chunks the kernel's buffers make the client wait.
   */
  async #readCounted(): Promise<Uint8Array | BodyRefusal> {
    const { body } = this.#request
    if (body === null) return new Uint8Array(0)
    const sink = new Bun.ArrayBufferSink()
    sink.start({ asUint8Array: true })
    const reader = body.getReader()
    let length = 0
    for (;;) {
      const { done, value } = await reader.read()
      if (done) break
      length += value.byteLength
      const refusal =
        length > this.#limitBytes ? "too_large" : this.#take(value.byteLength) ? null : "no_room"
      if (refusal !== null) {
        // Nobody waits for this: it only tells the server to keep nothing more.
        reader.cancel().catch(() => {})
        sink.end()
        return refusal
      }
      // The chunk's memory is the reader's; the sink copies it.
      sink.write(value)
    }
    const bytes = sink.end()
    return bytes instanceof Uint8Array ? bytes : new Uint8Array(bytes)
  }
}
