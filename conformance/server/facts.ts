import { type TargetFacts, WORKER_FEATURES } from "../model/Suite.ts"

/** How a server is reached, and what the suite may do to it. */
export interface Reach {
  readonly runtimes: ReadonlyArray<string>
  /** The suite starts it, and may kill it. */
  readonly isStarted: boolean
  /** The suite may give it workers of its own. */
  readonly isScripted: boolean
  readonly hasHttp: boolean
  readonly hasSocket: boolean
  /** Its log files can be read. */
  readonly hasLogs: boolean
  /** The suite was given an API key. */
  readonly hasApiKey: boolean
}

/** What decides which cases are for a server. */
export const factsOf = (reach: Reach): TargetFacts => ({
  roles: ["server", "host"],
  protocol: "1.1",
  javascript: true,
  features: WORKER_FEATURES,
  traits: [
    ...reach.runtimes,
    ...(reach.hasHttp ? ["http"] : []),
    ...(reach.hasSocket ? ["socket"] : []),
    ...(reach.isStarted ? ["own"] : []),
    ...(reach.isStarted && reach.isScripted ? ["scripted-worker"] : []),
    ...(reach.hasLogs ? ["logs"] : []),
    ...(reach.isStarted || reach.hasSocket ? ["local"] : []),
    ...(reach.hasApiKey ? [] : ["no-api-key"])
  ],
  whyNot: {
    own: "the suite kills and restarts servers only where it starts them, by --cmd",
    "scripted-worker": "give --cmd and --scripted-worker",
    logs: "its log files cannot be read from here",
    local: "give --socket: functions of a server elsewhere do not reach what the suite listens on",
    http: "give --url, or {port} in --cmd",
    socket: "give --socket, or {socket} in --cmd",
    bun: "it is not among --runtimes",
    "quickjs-ng": "it is not among --runtimes",
    "no-api-key": "leave out --api-key, with a server that asks for none",
    pid: "give --pid"
  }
})
