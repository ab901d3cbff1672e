// `bunbase conformance` with a suite whose cases say what they do, for tests of the program as a process:
//
//   bun conformance/testing/fakeProgram.ts worker --cmd …
import { spawn } from "node:child_process"
import { once } from "node:events"
import { main } from "../main.ts"
import { anySuite } from "../Suites.ts"
import { fakeCase, fakeSuite, requirement, specification } from "./fakes.ts"

/** Ignores everything but SIGKILL, and has a child that would outlive it. Their pids are printed. */
const stubborn = async (owns: (pid: number) => () => void): Promise<void> => {
  const child = spawn("/bin/sh", ["-c", "trap '' TERM INT HUP; sleep 600 & echo $! $$; wait; wait"], {
    detached: true,
    stdio: ["ignore", "pipe", "ignore"]
  })
  owns(child.pid ?? -1)
  const [pids] = (await once(child.stdout, "data")) as [Buffer]
  process.stdout.write(`pids ${pids.toString()}`)
}

const never = new Promise<void>(() => {})
const suite = fakeSuite(
  [
    fakeCase("a/first"),
    fakeCase("a/strays", () => {
      void Promise.reject(new Error("thrown where nobody waits"))
      return new Promise((resolve) => setImmediate(resolve))
    }),
    fakeCase("b/hangs", async (_, { owns }) => {
      await stubborn(owns)
      await never
    })
  ],
  { start: ({ owns }) => stubborn(owns) }
)

process.exit(
  await main(process.argv.slice(2), {
    suites: {
      requirements: () => Promise.resolve(specification(requirement("WP-001"))),
      worker: () => Promise.resolve(anySuite(suite)),
      server: () => Promise.reject(new Error("there is none")),
      faults: () => Promise.reject(new Error("there is none"))
    },
    path: "bunbase conformance",
    out: (text) => new Promise((resolve) => process.stdout.write(text, () => resolve())),
    color: false,
    screen: { isTerminal: false, columns: 80, write: (text) => void process.stderr.write(text) }
  })
)
