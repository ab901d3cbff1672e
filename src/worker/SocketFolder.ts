import { closeSync, mkdirSync, openSync, rmSync } from "node:fs"
import { join } from "node:path"

/** The kernel's limit for a unix socket's address, without the NUL at its end. */
const LONGEST_ADDRESS_BYTES = 107

/** A place for a listening socket: what the one who listens calls it, and what those who connect do. */
export interface SocketPlace {
  readonly listen: string
  readonly connect: string
  /** Takes the file away, if it is there. */
  readonly remove: () => void
}

/**
 * Private sockets in one folder. Where the folder's path is too long for a socket's address, listeners (whose working
 * directory this folder is) use the bare name, and this process connects through a descriptor of the folder.
 */
export class SocketFolder {
  readonly path: string
  #descriptor: number | null = null
  #serial = 0

  constructor(path: string) {
    this.path = path
  }

  /** A name that nobody has had; the folder is made if it is gone. Throws what the file system says. */
  place(kind: string): SocketPlace {
    mkdirSync(this.path, { recursive: true, mode: 0o700 })
    const name = `${kind}-${process.pid}-${(this.#serial += 1)}.sock`
    const file = join(this.path, name)
    const remove = (): void => rmSync(file, { force: true })
    // Of a server that had this process id before.
    remove()
    if (Buffer.byteLength(file) <= LONGEST_ADDRESS_BYTES) return { listen: file, connect: file, remove }
    this.#descriptor ??= openSync(this.path, "r")
    return { listen: name, connect: `/proc/self/fd/${this.#descriptor}/${name}`, remove }
  }

  close(): void {
    if (this.#descriptor !== null) closeSync(this.#descriptor)
    this.#descriptor = null
  }
}
