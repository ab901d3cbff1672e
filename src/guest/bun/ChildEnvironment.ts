import { apply, assign, construct, create, defineProperty } from "./Intrinsics.ts"

type Options = { readonly env?: unknown } | null | undefined

/** The same options with `env` where they name none. What they have is still read from them. */
const within = (env: object, options: Options): object => {
  const given = typeof options === "object" && options !== null ? options : null
  if (given?.env) return given
  // no prototype: a function may have given `get` or `writable` to Object.prototype
  const descriptor = assign(create(null) as PropertyDescriptor, { value: env, enumerable: true })
  return defineProperty(create(given) as object, "env", descriptor)
}

/**
 * Has processes and threads that are started without an environment of their own take `env`, as `node:child_process` does.
 * Bun gives them the one that this process was started with: the host's settings are in it, and, where the bundle was sent
 * by `load`, nothing of the function's.
 *
 * The proxies have name, length and prototype of what they stand for.
 */
export const passEnvironmentOn = (env: object): void => {
  const starting = <Start extends typeof Bun.spawn | typeof Bun.spawnSync>(start: Start): Start =>
    new Proxy(start, {
      apply: (_start, _self, args: ReadonlyArray<unknown>) => {
        const [first, second] = args
        const own =
          typeof first === "object" && first !== null && !("length" in first)
            ? [within(env, first as Options)]
            : [first, within(env, second as Options)]
        return apply(start, Bun, own) as unknown
      }
    })
  Bun.spawn = starting(Bun.spawn)
  Bun.spawnSync = starting(Bun.spawnSync)

  const { Worker: Thread } = globalThis
  const OwnThread = new Proxy(Thread, {
    construct: (_thread, [script, options]: ReadonlyArray<unknown>, target) =>
      construct(Thread, [script, within(env, options as Options)], target as typeof Thread) as object
  })
  Thread.prototype.constructor = OwnThread
  globalThis.Worker = OwnThread
}
