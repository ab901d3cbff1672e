import type { Transport } from "../../src/worker/WorkerSession.ts"

/** The way to a worker that hears every line at once. */
export const listeningTransport = (hear: (line: string) => void): Transport => ({ write: hear, gather: hear })
