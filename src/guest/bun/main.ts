/**
 * The program inside a Bun worker: `bun ...GUEST_FLAGS main.ts [--bundle PATH [--handler NAME]]`.
 *
 * It speaks the worker protocol on the socket that `BUNBASE_PROTOCOL_FD` names, else on stdin and stdout. With `--bundle`
 * it loads that bundle and says `ready`; without, it says `ready` at once and waits for `load`. It ends when its host is
 * gone. No dependencies, and nothing loaded before it is needed: its start is part of every cold start.
 */
import { bundlePath, handlerName, protocolDescriptor } from "./Start.ts"
import { passEnvironmentOn } from "./ChildEnvironment.ts"
import { captureConsole } from "./ConsoleCapture.ts"
import { openDescriptor } from "./DescriptorTransport.ts"
import { hideInternals } from "./Environment.ts"
import { exitNow, exitProcess, note } from "./Intrinsics.ts"
import { Invocations } from "./Invocations.ts"
import { Journal } from "./Journal.ts"
import { Outbox } from "./Outbox.ts"
import { outputStream } from "./OutputStream.ts"
import { EXIT_PROTOCOL, Session } from "./Session.ts"
import { installTextResponse } from "./TextResponse.ts"
import { describeThrown } from "./Thrown.ts"
import type { Transport, TransportEvents } from "./Transport.ts"

/** How long the end of the process waits for the host to take what is still to be said. */
const FLUSH_MS = 500

const outbox = new Outbox()
const journal = new Journal(outbox)
const invocations = new Invocations(outbox, journal)
const session = new Session(outbox, invocations, exitProcess)

const events: TransportEvents = {
  data: (chunk) => session.receive(chunk),
  drain: () => outbox.drained(),
  closed: () => exitNow(0)
}

const openTransport = async (): Promise<Transport> => {
  if (protocolDescriptor !== undefined) return openDescriptor(Number(protocolDescriptor), events)
  const { openStdio } = await import("./StdioTransport.ts")
  return openStdio(events)
}

const uncaught = (title: string) => (thrown: unknown) => {
  const described = describeThrown(thrown)
  invocations.likelySpeaker().say("error", `${title}: ${described.title}`, described.stack)
}

const boot = async (): Promise<void> => {
  process.on("exit", () => {
    journal.confess()
    outbox.flushBlocking(FLUSH_MS)
  })
  process.on("uncaughtException", uncaught("Uncaught exception"))
  process.on("unhandledRejection", uncaught("Unhandled rejection"))
  captureConsole(console, invocations.speaker)
  // plain assignments: as long as nobody reads them, the real streams need not be made
  process.stdout = outputStream(1, "info", invocations.speaker)
  process.stderr = outputStream(2, "error", invocations.speaker)
  installTextResponse(globalThis)
  hideInternals(process.env)
  passEnvironmentOn(process.env)
  // the function shall see nothing of how it is run
  process.argv.length = 1

  if (bundlePath !== "") session.expect()
  const opening = openTransport()
  if (protocolDescriptor === undefined) await opening
  if (bundlePath === "") {
    session.await()
    outbox.attach(await opening)
    invocations.prepare()
  } else {
    void session.load(bundlePath, handlerName)
    // meanwhile the bundle is read and parsed on another thread; it does not run before this turn has ended
    invocations.prepare()
    outbox.attach(await opening)
  }
}

boot().catch((error) => {
  note(`the protocol's transport could not be opened: ${describeThrown(error).message}`)
  exitNow(EXIT_PROTOCOL)
})
