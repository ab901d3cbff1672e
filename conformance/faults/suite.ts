import type { ServerOptions } from "../model/Options.ts"
import { type Suite, TargetUnusable } from "../model/Suite.ts"
import { type ServerTarget, startTarget } from "../server/ServerTarget.ts"
import { listensAt } from "../server/target/listensAt.ts"
import { descendants, processOf } from "../server/target/processTable.ts"
import { catalogue } from "./catalogue.ts"
import { faultCase } from "./Fault.ts"
import { TELL_THEIR_PID } from "./workerOf.ts"

/** The server's process where `pid` is a shell or another program that started it; null where it is not known to be one. */
const serverBehind = (pid: number, { socket, url }: ServerOptions): number | null => {
  const address = { url: url === null ? null : new URL(url), socket }
  if (listensAt(pid, address)) return null
  return descendants(pid).find((entry) => listensAt(entry.pid, address))?.pid ?? null
}

/** `bunbase conformance faults --run` */
export const faultsSuite = async (options: ServerOptions): Promise<Suite<ServerTarget>> => {
  const { cmd, pid = null, socket, url } = options
  return {
    name: "faults",
    roles: ["server", "host"],
    title: "server",
    command: cmd ?? [url, socket].filter((one) => one !== null).join(" "),
    cases: catalogue.map((fault) => faultCase(fault, cmd === null)),
    start: async (context) => {
      if (pid !== null && processOf(pid) === null)
        throw new TargetUnusable(`there is no process ${pid} (--pid)`)
      const started = await startTarget(options, context)
      const server = pid === null ? null : serverBehind(pid, options)
      if (server !== null) {
        await started.stop()
        throw new TargetUnusable(`--pid ${pid} has started the server, and is not it: give --pid ${server}`)
      }
      const { facts } = started
      const maySignal = cmd !== null || pid !== null
      const knowsWorkers = cmd !== null || options.runtimes.some((name) => TELL_THEIR_PID.includes(name))
      const whyNoPid = "give --pid of the server, which is then sent signals, it and its workers"
      return {
        ...started,
        facts: {
          ...facts,
          traits: [
            ...facts.traits,
            ...(maySignal ? ["pid"] : []),
            ...(maySignal && knowsWorkers ? ["worker-pid"] : [])
          ],
          whyNot: {
            ...facts.whyNot,
            pid: whyNoPid,
            "worker-pid": maySignal
              ? `workers of ${options.runtimes.join(", ")} do not tell which process they are, and no other may be meant: give --cmd`
              : whyNoPid
          }
        }
      }
    }
  }
}
