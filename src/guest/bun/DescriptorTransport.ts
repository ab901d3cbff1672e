import { apply } from "./Intrinsics.ts"
import type { Transport, TransportEvents } from "./Transport.ts"

/**
 * The protocol on one socket of a socket pair, both ways. The event loop reads and writes a socket itself, where pipes
 * go through a stream's machinery. Fails when the descriptor is not a socket.
 */
export const openDescriptor = async (fd: number, events: TransportEvents): Promise<Transport> => {
  const options: Bun.FdSocketOptions = {
    fd,
    socket: {
      data: (_socket, chunk) => events.data(chunk),
      drain: () => events.drain(),
      end: () => events.closed(),
      close: () => events.closed(),
      error: () => events.closed()
    }
  }
  // `connect` takes a descriptor, as its own FdSocketOptions says; its overloads only do not mention it
  const socket = await Bun.connect(options as Bun.FdSocketOptions & Bun.UnixSocketOptions)
  const { write } = socket
  return {
    write: (bytes) => {
      const written: number = apply(write, socket, [bytes])
      return written < 0 ? 0 : written
    },
    settled: () => true
  }
}
