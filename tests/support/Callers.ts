import type { TestServer } from "./TestServer.ts"

/** Callers that call a function again and again, and what they were answered: `200 text`, or what went wrong. */
export class Callers {
  readonly #seen = new Map<string, number>()
  readonly #loops: ReadonlyArray<Promise<void>>
  #total = 0
  #going = true
  #looks = new Set<() => void>()

  constructor(server: TestServer, name: string, count: number) {
    this.#loops = Array.from({ length: count }, async () => {
      while (this.#going) {
        const key = await fetch(`${server.url}/functions/${name}`).then(
          async (response) => `${response.status} ${await response.text()}`,
          (error: unknown) => String(error)
        )
        this.#seen.set(key, (this.#seen.get(key) ?? 0) + 1)
        this.#total += 1
        for (const look of this.#looks) look()
      }
    })
  }

  get total(): number {
    return this.#total
  }

  /** How many were answered so. */
  count(key: string): number {
    return this.#seen.get(key) ?? 0
  }

  /** What they were answered but for these, with how often. */
  otherThan(expected: RegExp): ReadonlyArray<readonly [answer: string, count: number]> {
    return [...this.#seen].filter(([key]) => !expected.test(key))
  }

  /** Fulfilled when this holds, which is looked at after each answer. */
  until(holds: (callers: this) => boolean): Promise<void> {
    return new Promise((resolve) => {
      const look = (): void => {
        if (!holds(this)) return
        this.#looks.delete(look)
        resolve()
      }
      this.#looks.add(look)
      look()
    })
  }

  async stop(): Promise<void> {
    this.#going = false
    await Promise.all(this.#loops)
  }
}
