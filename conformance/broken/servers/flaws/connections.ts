import { type Flaw, type Link, refusal } from "../Flaw.ts"

const PING = 0x11
const lastHeard = new WeakMap<Link, NodeJS.Timeout>()

/** Peers that stall or leave, and the end of a server. */
export const connections: Readonly<Record<string, Flaw>> = {
  // SP-032: what is no whole frame never reaches the server, whose clock does not run
  "waits-for-ever": { request: (frame) => frame },
  // SP-033
  "keeps-what-nobody-reads": { unbounded: true },
  // SP-034
  "hangs-up-on-the-silent": {
    heard: (_, link) => void lastHeard.set(link, setTimeout(link.close, 1000)),
    chunk: (bytes, link) => {
      clearTimeout(lastHeard.get(link))
      return bytes
    }
  },
  // SP-035
  "hangs-up-on-slow-readers": {
    unbounded: true,
    answer: (answer, _, link) => {
      if (link.unread() > 128 * 1024) link.close()
      return [answer]
    }
  },
  // SP-081
  "goes-on-without-clients": { keepsServing: true },
  // SP-094
  "drops-what-it-took": {
    stopping: (links) => {
      for (const link of links) link.close()
    }
  },
  // SP-095
  "stops-with-another-code": {
    own: true,
    request: (frame, link) => {
      if (!link.isStopping() || frame.code === PING) return frame
      link.toClient(refusal(frame, "FN_004", "the server is going away"))
      return null
    }
  },
  // SP-096
  "refuses-to-ping-at-the-end": {
    own: true,
    request: (frame, link) => {
      if (!link.isStopping() || frame.code !== PING) return frame
      link.toClient(refusal(frame, "FN_008", "the server is stopping"))
      return null
    }
  }
}
