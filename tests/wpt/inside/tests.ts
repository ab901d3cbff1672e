import {
  AssertionError,
  assertions,
  check,
  checkDomError,
  checkJsError,
  fail,
  OptionalFeatureError
} from "./assertions.ts"
import { show } from "./format.ts"

export type Status = "pass" | "fail" | "timeout" | "optional"
export interface Result {
  readonly name: string
  readonly status: Status
  readonly message: string
}

type Step = (this: unknown, ...args: Array<never>) => unknown

const messageOf = (error: unknown): string =>
  (error instanceof AssertionError ? error.message : show(error)).slice(0, 400)

/** One file's tests, and the functions that its scripts call. `setTimeout` as it was before the scripts ran. */
export const makeSuite = (title: string, later: (f: () => void, ms: number) => unknown) => {
  const all: Array<Test> = []
  const names = new Map<string, number>()
  let queue: Promise<unknown> = Promise.resolve()
  let explicitDone = false
  let over!: () => void
  const allOver = new Promise<void>((resolve) => {
    over = resolve
  })
  let scriptsRan = false
  let fileFailure = ""

  const uniqueName = (wanted: unknown): string => {
    const name = wanted === undefined || wanted === "" ? title : String(wanted)
    const count = (names.get(name) ?? 0) + 1
    names.set(name, count)
    return count === 1 ? name : `${name} (${count})`
  }
  const look = (): void => {
    if (scriptsRan && !explicitDone && all.every((one) => one.result !== null)) over()
  }

  class Test {
    readonly name: string
    result: Result | null = null
    readonly #cleanups: Array<() => unknown> = []
    readonly #abort: AbortController | null =
      typeof AbortController === "function" ? new AbortController() : null
    #finished: () => void = () => {}
    readonly finished = new Promise<void>((resolve) => {
      this.#finished = resolve
    })

    constructor(name: unknown) {
      this.name = uniqueName(name)
      all.push(this)
    }

    /** Ends it, once. The cleanups follow; a test that comes after waits for them. */
    end(status: Status, message = ""): void {
      if (this.result !== null) return
      this.result = { name: this.name, status, message }
      const cleanups = this.#cleanups.map(async (cleanup) => cleanup())
      void Promise.allSettled(cleanups).then(() => {
        this.#abort?.abort()
        this.#finished()
        look()
      })
    }
    failed(error: unknown): void {
      this.end(error instanceof OptionalFeatureError ? "optional" : "fail", messageOf(error))
    }
    done(): void {
      this.end("pass")
    }
    step(f: Step, self: unknown = this, ...args: Array<unknown>): unknown {
      if (this.result !== null) return undefined
      try {
        return Reflect.apply(f, self, args)
      } catch (error) {
        this.failed(error)
        return undefined
      }
    }
    step_func(f: Step, self: unknown = this) {
      return (...args: Array<unknown>): unknown => this.step(f, self, ...args)
    }
    step_func_done(f?: Step, self: unknown = this) {
      return (...args: Array<unknown>): void => {
        if (f !== undefined) this.step(f, self, ...args)
        this.done()
      }
    }
    unreached_func(description?: string) {
      return this.step_func((...args: Array<never>) =>
        fail(`was reached ${args.map((one) => show(one)).join()}`, description)
      )
    }
    step_timeout(f: Step, ms: number, ...args: Array<unknown>): unknown {
      return later(() => this.step(f, this, ...args), ms)
    }
    step_wait(condition: () => unknown, description = "", timeout = 3_000, interval = 100): Promise<void> {
      const turns = Math.ceil(timeout / interval)
      return new Promise((found, lost) => {
        const turn = async (left: number): Promise<void> => {
          if (await condition()) found()
          else if (left === 0) lost(new AssertionError(`${description}: waited in vain`))
          else later(() => void turn(left - 1), interval)
        }
        turn(turns).catch(lost)
      })
    }
    add_cleanup(f: () => unknown): void {
      this.#cleanups.push(f)
    }
    get_signal(): AbortSignal | undefined {
      return this.#abort?.signal
    }
  }

  const rejection = async (promise: PromiseLike<unknown>, description?: string): Promise<unknown> => {
    let value: unknown
    try {
      value = await promise
    } catch (error) {
      return error
    }
    return fail(`was fulfilled with ${show(value)}`, description)
  }

  const functions = {
    ...assertions,
    AssertionError,
    OptionalFeatureUnsupportedError: OptionalFeatureError,
    format_value: show,
    test: (f: (t: Test) => unknown, name?: string) => {
      const one = new Test(name)
      one.step(() => {
        const answer = f.call(one, one)
        if (answer instanceof Promise) fail("test() was given a function that returns a promise", undefined)
      })
      one.done()
    },
    async_test: (first: ((t: Test) => unknown) | string, second?: string) => {
      const named = typeof first !== "function"
      const one = new Test(named ? first : second)
      if (!named) one.step(() => void first.call(one, one))
      return one
    },
    promise_test: (f: (t: Test) => unknown, name?: string) => {
      const one = new Test(name)
      queue = queue.then(async () => {
        if (one.result !== null) return
        try {
          const answer: unknown = f.call(one, one)
          check(
            typeof (answer as PromiseLike<unknown> | undefined)?.then === "function",
            () => "promise_test() was given a function that returns no promise",
            undefined
          )
          void Promise.resolve(answer).then(
            () => one.done(),
            (error: unknown) => one.failed(error)
          )
        } catch (error) {
          one.failed(error)
        }
        await one.finished
      })
    },
    promise_setup: (f: () => Promise<unknown>) => {
      queue = queue.then(f).catch((error: unknown) => {
        fileFailure = `promise_setup: ${messageOf(error)}`
        for (const one of all) one.failed(error)
      })
    },
    setup: (first: unknown, second?: unknown) => {
      const options = (typeof first === "function" ? second : first) as
        { readonly explicit_done?: boolean } | undefined
      if (options?.explicit_done === true) explicitDone = true
      if (typeof first === "function") (first as () => void)()
    },
    done: () => {
      explicitDone = false
      look()
    },
    step_timeout: (f: (...args: Array<unknown>) => void, ms: number, ...args: Array<unknown>) =>
      later(() => f(...args), ms),
    generate_tests: (f: (...args: Array<unknown>) => void, table: ReadonlyArray<ReadonlyArray<unknown>>) => {
      for (const [name, ...args] of table) functions.test(() => f(...args), String(name))
    },
    promise_rejects_js: async (
      _t: Test,
      type: typeof Error,
      promise: PromiseLike<unknown>,
      description?: string
    ) => checkJsError(await rejection(promise, description), type, description),
    promise_rejects_dom: async (
      _t: Test,
      type: string,
      second: PromiseLike<unknown> | typeof DOMException,
      third?: PromiseLike<unknown> | string,
      fourth?: string
    ) => {
      const withClass = typeof second === "function"
      const description = withClass ? fourth : (third as string | undefined)
      checkDomError(
        await rejection((withClass ? third : second) as PromiseLike<unknown>, description),
        type,
        description
      )
    },
    promise_rejects_exactly: async (
      _t: Test,
      expected: unknown,
      promise: PromiseLike<unknown>,
      description?: string
    ) => {
      const error = await rejection(promise, description)
      check(
        Object.is(error, expected),
        () => `rejected with ${show(error)}, not ${show(expected)}`,
        description
      )
    },
    EventWatcher: class {
      readonly #waiting: Array<{
        types: Array<string>
        events: Array<Event>
        found: (value: unknown) => void
      }> = []
      constructor(t: Test, target: EventTarget, types: string | ReadonlyArray<string>) {
        for (const type of [types].flat() as Array<string>) {
          target.addEventListener(
            type,
            t.step_func((event: never) => this.#came(event))
          )
        }
      }
      #came(event: Event): void {
        const first = this.#waiting[0]
        if (first === undefined) return fail(`an event ${event.type} that nobody waits for`, undefined)
        const wanted = first.types.shift()
        check(event.type === wanted, () => `event ${event.type} came where ${wanted} was due`, undefined)
        first.events.push(event)
        if (first.types.length > 0) return
        this.#waiting.shift()
        first.found(first.events.length === 1 ? event : first.events)
      }
      wait_for(types: string | ReadonlyArray<string>): Promise<unknown> {
        return new Promise((found) =>
          this.#waiting.push({ types: [types].flat() as Array<string>, events: [], found })
        )
      }
    },
    add_completion_callback: () => {},
    add_result_callback: () => {}
  }

  /** Resolves with the results when all tests are over, or when the time is. */
  const finish = async (
    failure: string,
    timeoutMs: number
  ): Promise<{ readonly failure: string; readonly results: ReadonlyArray<Result> }> => {
    fileFailure = failure
    await new Promise<void>((timeUp) => {
      later(timeUp, timeoutMs)
      void queue.then(() => {
        scriptsRan = true
        look()
        return allOver.then(timeUp)
      })
    })
    for (const one of all) one.end("timeout", "was not over in time")
    return { failure: fileFailure, results: all.map((one) => one.result as Result) }
  }

  return { functions, finish }
}
