import { Effect, Either } from "effect"
import { existsSync, readdirSync, readFileSync } from "node:fs"
import { MonotonicClock, layer } from "../../src/domain/MonotonicClock.ts"
import { chooseMemoryLimits } from "../../src/worker/memory/chooseMemoryLimits.ts"
import { groupPlaces } from "../../src/worker/memory/GroupPlace.ts"

/**
 * What can hold workers on Bun to their memory on this machine: sampling everywhere, control groups where they can be made.
 * `why`: what stands against groups; null where nothing does.
 */
export const memoryModes = async (): Promise<{
  readonly modes: ReadonlyArray<"cgroup" | "sampling">
  readonly why: string | null
}> => {
  const tried = await Effect.runPromise(
    Effect.flatMap(MonotonicClock, (clock) => chooseMemoryLimits("cgroup", clock)).pipe(
      Effect.scoped,
      Effect.either,
      Effect.provide(layer)
    )
  )
  return Either.isRight(tried)
    ? { modes: ["cgroup", "sampling"], why: null }
    : { modes: ["sampling"], why: tried.left.violations[0]?.message ?? "" }
}

/** The folders of control groups in which servers that this process starts may make their own. */
const places = (): ReadonlyArray<string> =>
  groupPlaces({
    cgroup: readFileSync("/proc/self/cgroup", "utf8"),
    mountinfo: readFileSync("/proc/self/mountinfo", "utf8")
  }).map(({ path }) => path)

/** The group of the server with this process id; null where it has none. */
export const groupOfServer = (pid: number): string | null => {
  for (const place of places()) {
    if (!existsSync(place)) continue
    const name = readdirSync(place).find((one) => new RegExp(`^bunbase-\\d+-${pid}-\\d+$`).test(one))
    if (name !== undefined) return `${place}/${name}`
  }
  return null
}

/** The groups of workers in a server's group. */
export const workerGroups = (group: string): ReadonlyArray<string> =>
  readdirSync(group, { withFileTypes: true })
    .filter((entry) => entry.isDirectory() && entry.name !== "server")
    .map(({ name }) => name)

export const membersOf = (group: string): ReadonlyArray<number> =>
  readFileSync(`${group}/cgroup.procs`, "utf8")
    .split("\n")
    .filter((line) => line !== "")
    .map(Number)
