import { Data, Effect, type Scope } from "effect"
import { linkSync, lstatSync, mkdirSync, readFileSync, renameSync, type Stats, unlinkSync } from "node:fs"
import { dirname, join } from "node:path"
import { socketPathTooLong } from "../protocol/socket/SocketPath.ts"

/** Another server answers on this socket; it is left alone. */
export class SocketInUse extends Data.TaggedError("SocketInUse")<{ readonly path: string }> {
  override get message() {
    return `another server is listening on ${this.path}; stop it or choose another --socket`
  }
}

/** No socket can be made at this path; what is there is left alone. */
export class SocketUnusable extends Data.TaggedError("SocketUnusable")<{
  readonly path: string
  readonly problem: "path_too_long" | "not_a_socket" | "folder" | "listen"
  readonly reason: string
}> {
  override get message() {
    return `cannot listen on ${this.path}: ${this.reason}`
  }
}

export type SocketStartError = SocketInUse | SocketUnusable

/** Names that are tried where others start, stop and crash on the same path at the same time. */
const MOST_TRIES = 10
const PROBE_TIMEOUT_MS = 2_000

/** A listening socket that has its path. */
export interface BoundSocket {
  /** Takes the file away if it is still this socket's; to be called before `stop`. Whoever listens there by now is not disturbed. */
  readonly unlink: () => void
  /** Accepts no more connections. Those that exist go on. */
  readonly stop: () => void
}

/**
 * Listens on `path`, for as long as the scope lives.
 *
 * The socket is first bound under a name that nobody knows, with mode 0600 from its first instant, and is then linked to
 * its own name: `link` never replaces anything, so of several servers that start at once exactly one gets the path, and
 * whoever connects finds a server that listens. A file that is there already is moved away only if it is a socket and
 * nobody answers on it (its server was killed).
 */
export const bind = <A>(
  path: string,
  handlers: Bun.SocketHandler<A>
): Effect.Effect<BoundSocket, SocketStartError, Scope.Scope> =>
  Effect.gen(function* () {
    const tooLong = socketPathTooLong(path)
    if (tooLong !== null) {
      const reason = `${tooLong}; choose a shorter --socket`
      return yield* new SocketUnusable({ path, problem: "path_too_long", reason })
    }
    yield* prepareFolder(path)
    const { listener, unlink } = yield* Effect.acquireRelease(claim(path, handlers), ({ listener, unlink }) =>
      Effect.sync(() => {
        unlink()
        listener.stop(true)
      })
    )
    return { unlink, stop: () => listener.stop(false) }
  })

interface Claim<A> {
  readonly listener: Bun.UnixSocketListener<A>
  readonly unlink: () => void
}

const claim = <A>(path: string, handlers: Bun.SocketHandler<A>): Effect.Effect<Claim<A>, SocketStartError> =>
  Effect.gen(function* () {
    for (let tries = 0; tries < MOST_TRIES; tries++) {
      yield* clear(path)
      const claimed = yield* attempt(path, () => listenUnlessTaken(path, handlers))
      if (claimed !== null) return claimed
    }
    return yield* new SocketInUse({ path })
  })

const prepareFolder = (path: string) =>
  Effect.try({
    try: () => mkdirSync(dirname(path), { recursive: true, mode: 0o700 }),
    catch: (cause) =>
      new SocketUnusable({
        path,
        problem: "folder",
        reason: `its folder ${dirname(path)} cannot be made: ${reasonOf(cause)}`
      })
  })

/** Where the socket of this path is bound at first: short, because the kernel's limit holds for it as well. */
const temporaryPrefix = (path: string): string =>
  join(dirname(path), `.${Bun.hash(path).toString(36).slice(-4)}`)

/** In one go, so that no other start can see the socket listen without its name for longer than two calls take. */
const listenUnlessTaken = <A>(path: string, handlers: Bun.SocketHandler<A>): Claim<A> | null => {
  const temporary = `${temporaryPrefix(path)}${Math.random().toString(36).slice(2, 5)}`
  // Nothing else runs until the mask is back: no other file gets it.
  const mask = process.umask(0o177)
  let listener: Bun.UnixSocketListener<A>
  try {
    listener = Bun.listen<A>({ unix: temporary, socket: handlers })
  } finally {
    process.umask(mask)
  }
  try {
    const own = lstatSync(temporary)
    if (!linkUnlessTaken(temporary, path)) {
      listener.stop(true)
      return null
    }
    unlinkQuietly(temporary)
    let given = false
    const unlink = () => {
      // Once, and while it listens: later the file of another server may bear this very inode number.
      if (given) return
      given = true
      const found = statOrNull(path)
      if (found !== null && isSame(found, own)) unlinkQuietly(path)
    }
    return { listener, unlink }
  } catch (cause) {
    listener.stop(true)
    throw cause
  }
}

/** Fails where `bind` would, because something else has the path; changes nothing. */
export const refuseTaken = (path: string): Effect.Effect<void, SocketStartError> =>
  Effect.asVoid(staleAt(path))

/** The socket at the path that nobody listens on, or null where nothing is. */
const staleAt = (path: string): Effect.Effect<Stats | null, SocketStartError> =>
  Effect.gen(function* () {
    const found = statOrNull(path)
    if (found === null) return null
    if (!found.isSocket()) {
      return yield* new SocketUnusable({
        path,
        problem: "not_a_socket",
        reason: `there is a ${found.isDirectory() ? "folder" : "file"} of this name that is no socket; choose another --socket`
      })
    }
    const state = yield* probe(path)
    if (state === "gone") return null
    if (state === "live" || isBound(path)) return yield* new SocketInUse({ path })
    return found
  })

/** Moves away what is at the path, if it is a socket that nobody listens on. */
const clear = (path: string): Effect.Effect<void, SocketStartError> =>
  Effect.gen(function* () {
    const found = yield* staleAt(path)
    if (found === null) return
    yield* attempt(path, () => {
      // Between the probe and this line another server may have put its own socket there: what was moved is looked at.
      const moved = `${temporaryPrefix(path)}${Math.random().toString(36).slice(2, 5)}`
      if (!renameUnlessGone(path, moved)) return
      const seen = lstatSync(moved)
      // A freed inode number is soon used again; the time of making tells the two apart.
      if (!isSame(seen, found) || seen.mtimeMs !== found.mtimeMs) linkUnlessTaken(moved, path)
      unlinkQuietly(moved)
    })
  })

/**
 * Whether a socket that was bound for this path is listening, as the kernel keeps the list. A refused connection alone does
 * not prove that nobody is: that is also what the runtime says of a server that is too busy to accept (EAGAIN).
 */
const isBound = (path: string): boolean => {
  let list: string
  try {
    list = readFileSync("/proc/net/unix", "latin1")
  } catch {
    return false
  }
  const names = [path, temporaryPrefix(path)].map((name) => Buffer.from(name).toString("latin1"))
  // Num RefCount Protocol Flags Type St Inode Path; the flag is __SO_ACCEPTCON
  return list.split("\n").some((line) => {
    const fields = /^\S+ \S+ \S+ 00010000 \S+ \S+ +\S+ (.+)$/.exec(line)
    const bound = fields?.[1]
    return bound !== undefined && (bound === names[0] || bound.startsWith(names[1] as string))
  })
}

/** Whether somebody answers. Only a refused connection says that nobody does. */
const probe = (path: string): Effect.Effect<"live" | "stale" | "gone", SocketUnusable> =>
  Effect.async<"live" | "stale" | "gone", SocketUnusable>((resume) => {
    Bun.connect({
      unix: path,
      socket: {
        open: (socket) => {
          socket.end()
          resume(Effect.succeed("live"))
        },
        data: () => {}
      }
    }).catch((cause: unknown) => {
      const code = codeOf(cause)
      if (code === "ECONNREFUSED") resume(Effect.succeed("stale"))
      else if (code === "ENOENT") resume(Effect.succeed("gone"))
      else {
        resume(
          new SocketUnusable({
            path,
            problem: "listen",
            reason: `there is a socket already, and it cannot be asked whether it is in use: ${reasonOf(cause)}`
          })
        )
      }
    })
  }).pipe(
    Effect.timeoutTo({
      duration: PROBE_TIMEOUT_MS,
      onTimeout: () => "live" as const,
      onSuccess: (state) => state
    })
  )

const attempt = <A>(path: string, body: () => A): Effect.Effect<A, SocketUnusable> =>
  Effect.try({
    try: body,
    catch: (cause) => new SocketUnusable({ path, problem: "listen", reason: reasonOf(cause) })
  })

const linkUnlessTaken = (from: string, to: string): boolean => {
  try {
    linkSync(from, to)
    return true
  } catch (cause) {
    if (codeOf(cause) === "EEXIST") return false
    throw cause
  }
}

const renameUnlessGone = (from: string, to: string): boolean => {
  try {
    renameSync(from, to)
    return true
  } catch (cause) {
    if (codeOf(cause) === "ENOENT") return false
    throw cause
  }
}

const unlinkQuietly = (path: string): void => {
  try {
    unlinkSync(path)
  } catch {
    // Gone already, or the folder was taken from us: nothing depends on it.
  }
}

const statOrNull = (path: string): Stats | null => lstatSync(path, { throwIfNoEntry: false }) ?? null
const isSame = (one: Stats, other: Stats): boolean => one.ino === other.ino && one.dev === other.dev

const codeOf = (cause: unknown): string | null =>
  typeof cause === "object" && cause !== null && "code" in cause && typeof cause.code === "string"
    ? cause.code
    : null

const reasonOf = (cause: unknown): string => {
  const code = codeOf(cause)
  if (code === "EACCES" || code === "EPERM") return "permission denied"
  if (code === "EROFS") return "the file system is read-only"
  return cause instanceof Error ? cause.message : String(cause)
}
