/**
 * Holds the handlers of a test until it lets them go. What has to happen while a handler runs happens before `open`,
 * however fast or slow the machine is.
 */
export class Gate implements AsyncDisposable {
  #opened = Promise.withResolvers<void>()
  readonly #server = Bun.serve({
    port: 0,
    hostname: "127.0.0.1",
    // A handler may have to wait longer than Bun's 10 s.
    idleTimeout: 0,
    fetch: async () => {
      this.#arrived += 1
      for (const look of this.#looks) look()
      await this.#opened.promise
      return new Response("open")
    }
  })
  readonly #looks = new Set<() => void>()
  #arrived = 0

  /** The source of a function that waits here, and then answers `text`. */
  handler(text: string): string {
    return `export default async () => {
      await (await fetch(${JSON.stringify(this.#server.url.href)})).text()
      return new Response(${JSON.stringify(text)})
    }`
  }

  /** Fulfilled when so many handlers have come here, in all. */
  arrived(count: number): Promise<void> {
    return new Promise((resolve) => {
      const look = (): void => {
        if (this.#arrived < count) return
        this.#looks.delete(look)
        resolve()
      }
      this.#looks.add(look)
      look()
    })
  }

  /** Lets everybody through from now on. */
  open(): void {
    this.#opened.resolve()
  }

  /** Holds whoever comes from now on, where it was open. */
  close(): void {
    this.#opened = Promise.withResolvers<void>()
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.open()
    await this.#server.stop(true)
  }
}
