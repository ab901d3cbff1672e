import { readdirSync, readFileSync } from "node:fs"
import { join } from "node:path"
import { type CaseContext, CaseFailure, SetUpFailed } from "../model/Case.ts"
import { exchange, HttpConnection, type HttpRequest } from "./client/HttpClient.ts"
import type { HttpResponse } from "./client/HttpResponse.ts"
import { type CommandName, SocketClient, type Answer } from "./client/SocketClient.ts"
import { check } from "./check.ts"

/** Where a server is reached, and what is shared by all cases that use it. */
export interface ServerAddress {
  readonly url: URL | null
  readonly socket: string | null
  readonly apiKey: string | null
  /** Where its log files can be read; null where they cannot. */
  readonly logsDir: () => string | null
  /** The process that the suite started; null where it did not. */
  readonly pid: () => number | null
  /** Functions that several cases call, by what they are. */
  readonly shared: Map<string, Promise<FunctionNames>>
}

export interface FunctionNames {
  readonly name: string
  readonly id: string
}

export interface FunctionSpec {
  readonly runtime?: string
  /** The bundle's text, or the name of a fixture: `server.js`. */
  readonly source?: string
  readonly [setting: string]: unknown
}

/** What makes names that no other run uses: a case leaves its functions behind, and a server may be attached to for long. */
const RUN = Math.random().toString(36).slice(2, 8)
let serial = 0

export const uniqueName = (): string => `cf-${RUN}-${(serial += 1).toString(36)}`

/** A server as one case sees it: everything that it does over the wire is in the case's transcript, and ends with the case. */
export class Door {
  readonly address: ServerAddress
  readonly context: CaseContext
  readonly functions: string
  readonly runtime: string

  constructor(address: ServerAddress, context: CaseContext, functions: string, runtime: string) {
    this.address = address
    this.context = context
    this.functions = functions
    this.runtime = runtime
  }

  get url(): URL {
    if (this.address.url === null) throw new CaseFailure("this server is not reached over HTTP")
    return this.address.url
  }

  get socketPath(): string {
    if (this.address.socket === null) throw new CaseFailure("this server is not reached by its socket")
    return this.address.socket
  }

  get pid(): number {
    const pid = this.address.pid()
    if (pid === null) throw new CaseFailure("the suite did not start this server")
    return pid
  }

  http(request: HttpRequest | string): Promise<HttpResponse> {
    const { signal, transcript } = this.context
    return exchange(this.url, typeof request === "string" ? { target: request } : request, signal, transcript)
  }

  /** A connection for HTTP by hand. */
  tcp(): Promise<HttpConnection> {
    return HttpConnection.open(this.url, this.context.signal, this.context.transcript)
  }

  connect(): Promise<SocketClient> {
    return SocketClient.open(this.socketPath, this.context.signal, this.context.transcript)
  }

  /** One command on a connection of its own. */
  async call(command: CommandName, payload: unknown = {}): Promise<Answer> {
    const client = await this.connect()
    try {
      return await client.call(command, payload)
    } finally {
      client.destroy()
    }
  }

  /** A request of the management API, with the key where there is one; a body that is no text is sent as JSON. */
  api(
    method: string,
    path: string,
    body?: unknown,
    headers: Readonly<Record<string, string>> = {}
  ): Promise<HttpResponse> {
    const { apiKey } = this.address
    const isJson = body !== undefined && typeof body !== "string" && !(body instanceof Uint8Array)
    return this.http({
      method,
      target: `/api${path}`,
      headers: {
        ...(apiKey === null ? {} : { Authorization: `Bearer ${apiKey}` }),
        ...(isJson ? { "Content-Type": "application/json" } : {}),
        ...headers
      },
      ...(body === undefined ? {} : { body: isJson ? JSON.stringify(body) : (body as string | Uint8Array) })
    })
  }

  /** Registers what a case needs, by whichever door there is. Where it is refused, the set-up has failed. */
  register(settings: Readonly<Record<string, unknown>>): Promise<Record<string, unknown>> {
    return this.expectRegistered(settings).catch(setUpFailed)
  }

  /** Deploys what a case needs, by whichever door there is. Where it is refused, the set-up has failed. */
  deploy(name: string, version: string, bundle: string): Promise<Record<string, unknown>> {
    return this.expectDeployed(name, version, bundle).catch(setUpFailed)
  }

  /** A registration that has to be accepted: the case is about that. */
  async expectRegistered(settings: Readonly<Record<string, unknown>>): Promise<Record<string, unknown>> {
    if (this.address.url !== null) {
      const response = await this.api("POST", "/functions", settings)
      if (response.status !== 200 && response.status !== 201) {
        throw new CaseFailure("the registration was refused", {
          expected: "200 or 201",
          observed: `${response.status} ${response.text()}`
        })
      }
      return response.json() as Record<string, unknown>
    }
    const { payload, status } = await this.call("REGISTER_FUNCTION", settings)
    if (status === "OK") return payload
    throw new CaseFailure("the registration was refused", { expected: "OK", observed: { status, payload } })
  }

  /** A deployment that has to be accepted: the case is about that. */
  async expectDeployed(name: string, version: string, bundle: string): Promise<Record<string, unknown>> {
    if (this.address.url !== null) {
      const response = await this.api("POST", `/functions/${name}/deploy`, { version, bundle })
      if (response.status !== 200) {
        throw new CaseFailure(`the deployment of ${name} was refused`, {
          expected: 200,
          observed: `${response.status} ${response.text()}`
        })
      }
      return response.json() as Record<string, unknown>
    }
    const { payload, status } = await this.call("DEPLOY_FUNCTION", { function_id: name, version, bundle })
    if (status === "OK") return payload
    throw new CaseFailure(`the deployment of ${name} was refused`, {
      expected: "OK",
      observed: { status, payload }
    })
  }

  /** A rollback that has to be accepted, to the version that it names or to the one before. */
  async expectRolledBack(name: string, to?: string): Promise<unknown> {
    const version = to === undefined ? {} : { version: to }
    if (this.address.url === null) {
      const { payload, status } = await this.call("ROLLBACK_FUNCTION", { function_id: name, ...version })
      check(`the answer to the rollback of ${name}: ${JSON.stringify(payload)}`, "OK", status)
      return payload
    }
    const response = await this.api("POST", `/functions/${name}/rollback`, version)
    check(`the status of the rollback of ${name}: ${response.text()}`, 200, response.status)
    return response.json()
  }

  /** The function as the management API shows it. */
  async show(name: string): Promise<FunctionView> {
    const view =
      this.address.url !== null
        ? (await this.api("GET", `/functions/${name}`)).json()
        : (await this.call("GET_FUNCTION", { function_id: name })).payload
    return view as FunctionView
  }

  /** A name that no other function has. */
  name(): string {
    return uniqueName()
  }

  /** All lines of its log files that are there now. */
  logs(): ReadonlyArray<Readonly<Record<string, unknown>>> {
    const folder = this.address.logsDir()
    if (folder === null) throw new CaseFailure("the server's log files cannot be read from here")
    const files = readdirSync(folder).filter((name) => name.endsWith(".jsonl"))
    return files.toSorted().flatMap((name) =>
      readFileSync(join(folder, name), "utf8")
        .split("\n")
        // the last line may be half written
        .slice(0, -1)
        .map((line) => JSON.parse(line) as Record<string, unknown>)
    )
  }

  fixture(name: string): string {
    return readFileSync(join(this.functions, name), "utf8")
  }

  /** A function of the case's own, deployed. */
  async fn(spec: FunctionSpec = {}): Promise<Fn> {
    const { runtime = this.runtime, source = "server.js", ...settings } = spec
    const name = uniqueName()
    const view = await this.register({ name, runtime, ...settings })
    await this.deploy(name, "v1", source.endsWith(".js") ? this.fixture(source) : source)
    return new Fn(this, { name, id: String(view["function_id"]) })
  }

  /** A function that cases share: nobody may disturb it. */
  async sharedFn(spec: FunctionSpec = {}): Promise<Fn> {
    const key = JSON.stringify({ runtime: this.runtime, ...spec })
    let made = this.address.shared.get(key)
    if (made === undefined) {
      made = this.fn(spec).then(({ id, name }) => ({ name, id }))
      this.address.shared.set(key, made)
      // the next case tries again: it was this one's signal perhaps
      made.catch(() => this.address.shared.delete(key))
    }
    return new Fn(this, await made)
  }

  /** Asks again until the answer is there: events of a server that says nothing by itself. */
  until<A>(what: string, probe: () => Promise<A | null> | A | null, limitMs = 8_000): Promise<A> {
    return until(what, probe, this.context.signal, limitMs)
  }
}

/** What goes wrong with what a case needs first says nothing of what the case is about. */
const setUpFailed = (error: unknown): never => {
  if (!(error instanceof CaseFailure) || error.isLate) throw error
  throw new SetUpFailed(error.message, error.observed)
}

/** Asks again and again until there is something; fails after `limitMs`. */
export const until = async <A>(
  what: string,
  probe: () => Promise<A | null> | A | null,
  signal: AbortSignal,
  limitMs: number
): Promise<A> => {
  const end = performance.now() + limitMs
  for (;;) {
    signal.throwIfAborted()
    const found = await probe()
    if (found !== null) return found
    if (performance.now() > end) throw new CaseFailure(`${what}: not within ${limitMs} ms`)
    await new Promise((resolve) => setTimeout(resolve, 10))
  }
}

export interface FunctionView {
  readonly function_id: string
  readonly name: string
  readonly status: string
  readonly state: string
  readonly active_version: string | null
  readonly queued: number
  readonly workers: Readonly<Record<"starting" | "warm" | "busy" | "idle" | "draining", number>>
  readonly [key: string]: unknown
}

/** What the fixture `server.js` says about a request. */
export interface Echo {
  readonly method: string
  readonly url: string
  readonly headers: ReadonlyArray<readonly [string, string]>
  /** Base64. */
  readonly body: string
  readonly bytes: number
  /** The worker's own mark. */
  readonly worker: string
  readonly count: number
  readonly pid: number | null
}

/** A deployed function. */
export class Fn {
  readonly door: Door
  readonly name: string
  readonly id: string

  constructor(door: Door, { id, name }: FunctionNames) {
    this.door = door
    this.name = name
    this.id = id
  }

  target(rest = ""): string {
    return `/functions/${this.name}${rest}`
  }

  /** Over HTTP; `rest` is the path and query behind the name. */
  http(rest = "", request: Omit<HttpRequest, "target"> = {}): Promise<HttpResponse> {
    return this.door.http({ ...request, target: this.target(rest) })
  }

  /** By the socket, on a connection of its own. */
  invoke(payload: Readonly<Record<string, unknown>> = {}): Promise<Answer> {
    return this.door.call("INVOKE", { function_id: this.name, ...payload })
  }

  /** The path's answer by whichever door there is: its status, headers and body. */
  async call(
    path = "/"
  ): Promise<{ readonly status: number; readonly text: string; readonly code: string | null }> {
    if (this.door.address.url !== null) {
      const response = await this.http(path)
      return {
        status: response.status,
        text: response.text(),
        code: response.header("x-function-error") ?? null
      }
    }
    const { payload, problem } = await this.invoke({ url: path })
    if (problem !== null)
      return { status: Number(problem["status"]), text: "", code: String(problem["code"]) }
    return {
      status: Number(payload["status"]),
      text: Buffer.from(String(payload["body"] ?? ""), "base64").toString(),
      code: payload["success"] === true ? null : String(payload["code"])
    }
  }

  /** What `server.js` saw of a request to this path. */
  async echo(path = "/"): Promise<Echo> {
    const { status, text } = await this.call(path)
    check(`the status of ${path}`, 200, status)
    return JSON.parse(text) as Echo
  }

  show(): Promise<FunctionView> {
    return this.door.show(this.name)
  }

  /** Resolves once the function's view is so. */
  untilShown(what: string, holds: (view: FunctionView) => boolean, limitMs?: number): Promise<FunctionView> {
    return this.door.until(
      what,
      async () => {
        const view = await this.show()
        return holds(view) ? view : null
      },
      limitMs
    )
  }
}
