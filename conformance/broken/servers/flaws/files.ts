import { chmodSync, existsSync, linkSync, renameSync, rmSync } from "node:fs"
import type { Flaw } from "../Flaw.ts"

/** What is wrong with the socket's file. */
export const files: Readonly<Record<string, Flaw>> = {
  // SP-002
  "socket-open-to-all": { started: ({ socket }) => chmodSync(socket, 0o666) },
  // SP-003, SP-005
  "clears-its-path": {
    before: ({ socket }) => {
      if (!existsSync(socket)) return
      rmSync(socket)
      throw new Error(`${socket} was in the way`)
    }
  },
  // SP-004
  "refuses-what-is-there": {
    before: ({ socket }) => {
      if (existsSync(socket)) throw new Error(`${socket} exists`)
    }
  },
  // SP-006: the server removes its own name of the file only
  "leaves-its-socket": {
    started: ({ socket }) => linkSync(socket, `${socket}.keep`),
    ended: ({ socket }) => {
      if (existsSync(`${socket}.keep`)) renameSync(`${socket}.keep`, socket)
    }
  }
}
