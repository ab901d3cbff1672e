import { readdirSync, readFileSync, readlinkSync } from "node:fs"
import type { Address } from "./awaitReady.ts"

const linesOf = (path: string): ReadonlyArray<ReadonlyArray<string>> => {
  try {
    const text = readFileSync(path, "latin1")
    return text.split("\n").map((line) => line.trim().split(/\s+/))
  } catch {
    return [] // no IPv6 here
  }
}

const LISTENING = "0A"

/** The kernel's numbers of the sockets that listen at an address. */
const listeningSockets = ({ socket, url }: Address): ReadonlySet<string> => {
  const port = url === null ? null : Number(url.port === "" ? 80 : url.port)
  const tcp = ["/proc/net/tcp", "/proc/net/tcp6"].flatMap((path) =>
    linesOf(path).flatMap(([, local = "", , state, , , , , , inode = ""]) =>
      state === LISTENING && Number.parseInt(local.split(":")[1] ?? "", 16) === port ? [inode] : []
    )
  )
  // a connection that was taken has the same path; whoever has it is the server as well
  const unix = linesOf("/proc/net/unix").flatMap(([, , , , , , inode = "", path]) =>
    path !== undefined && path === socket ? [inode] : []
  )
  return new Set([...tcp, ...unix])
}

/** Whether a process listens at an address of this machine; false where it cannot be seen. */
export const listensAt = (pid: number, address: Address): boolean => {
  const sockets = listeningSockets(address)
  try {
    return readdirSync(`/proc/${pid}/fd`).some((descriptor) => {
      const inode = /^socket:\[(\d+)\]$/.exec(linkOf(`/proc/${pid}/fd/${descriptor}`))?.[1]
      return inode !== undefined && sockets.has(inode)
    })
  } catch {
    return false
  }
}

const linkOf = (path: string): string => {
  try {
    return readlinkSync(path)
  } catch {
    return "" // closed in between
  }
}
