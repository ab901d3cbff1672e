import { lengthOf } from "../../protocol/worker/OwnBytes.ts"
import { apply, builtin } from "./Intrinsics.ts"
import type { Transport, TransportEvents } from "./Transport.ts"

const F_DUPFD_CLOEXEC = process.platform === "darwin" ? 67 : 1030
/** Where the private copies go: clear of the descriptors that programs expect to get. */
const PRIVATE_FROM = 64

const functions = {
  fcntl: { args: ["int", "int", "int"], returns: "int" },
  dup2: { args: ["int", "int"], returns: "int" },
  open: { args: ["ptr", "int"], returns: "int" },
  close: { args: ["int"], returns: "int" }
} as const

const libc = () => {
  // not imported: in a bundle of the guest, an import would be loaded by every worker
  const { dlopen } = builtin("bun:ffi")
  const names =
    process.platform === "darwin"
      ? ["libSystem.B.dylib"]
      : ["libc.so.6", `libc.musl-${process.arch === "arm64" ? "aarch64" : "x86_64"}.so.1`]
  let reason: unknown
  for (const name of names) {
    try {
      return dlopen(name, functions).symbols
    } catch (error) {
      reason = error
    }
  }
  throw reason
}

/**
 * Moves the process's stdin and stdout to private descriptors, for a host that knows only those two. After it,
 * descriptor 0 is empty and descriptor 1 is stderr: whatever the function or a child of it writes to standard output,
 * also by its number, cannot reach the protocol.
 */
const divert = (): { readonly input: number; readonly output: number } => {
  const { fcntl, dup2, open, close } = libc()
  const input = fcntl(0, F_DUPFD_CLOEXEC, PRIVATE_FROM)
  const output = fcntl(1, F_DUPFD_CLOEXEC, PRIVATE_FROM)
  const empty = open(Buffer.from("/dev/null\0"), 0)
  if (input < 0 || output < 0 || empty < 0 || dup2(empty, 0) < 0 || dup2(2, 1) < 0) {
    throw new Error("stdin and stdout could not be moved to private descriptors")
  }
  close(empty)
  return { input, output }
}

/** The protocol on what were stdin and stdout when the process started. */
export const openStdio = (events: TransportEvents): Transport => {
  const { input, output } = divert()
  const sink = Bun.file(output).writer()
  const { write, flush } = sink
  let busy = false
  const settle = async (pending: Promise<unknown>): Promise<void> => {
    try {
      await pending
    } catch {
      return events.closed()
    }
    busy = false
    events.drain()
  }
  const read = async (): Promise<void> => {
    try {
      for await (const chunk of Bun.file(input).stream()) events.data(chunk)
    } finally {
      events.closed()
    }
  }
  void read()
  return {
    write: (bytes) => {
      if (busy) return 0
      const taken = apply(write, sink, [bytes])
      const left = apply(flush, sink, [])
      const pending = typeof left === "number" ? taken : left
      if (typeof pending !== "number") {
        busy = true
        void settle(pending)
      }
      return lengthOf(bytes)
    },
    settled: () => !busy
  }
}
