import { rmSync } from "node:fs"
import {
  answers,
  type Flaw,
  type HttpAnswer,
  isObject,
  type Payload,
  valueOf,
  withHeaders,
  without
} from "../Flaw.ts"

const parsed = (body: Buffer): Payload | null => {
  try {
    const value: unknown = JSON.parse(body.toString())
    return isObject(value) ? value : null
  } catch {
    return null
  }
}

const REGISTRATION = /^POST \/api\/functions /
const DEPLOYMENT = /^POST \/api\/functions\/[^/ ]+\/deploy /
const ROLLBACK = /^POST \/api\/functions\/[^/ ]+\/rollback /
const DELETION = /^DELETE (?=\/api\/functions\/[^/ ]+ )/
const VERSION_DELETION = /^DELETE \/api\/functions\/[^/ ]+\/versions\/[^/ ]+ /
const VERSIONS = /^GET \/api\/functions\/[^/ ]+\/versions /

/** A flaw of what requests with such a line say in JSON. */
const said = (line: RegExp, change: (value: Payload) => Payload): Flaw => ({
  httpBody: (body, head) => {
    const value = line.test(head.line) ? parsed(body) : null
    return value === null ? body : Buffer.from(JSON.stringify(change(value)))
  }
})

/** A flaw of what registrations ask for. */
export const registrations = (change: (settings: Payload) => Payload): Flaw => said(REGISTRATION, change)

/** A flaw of each function that is shown, also in lists. */
export const views = (change: (view: Payload) => Payload): Flaw => ({
  httpAnswer: (answer, { line }) => {
    const value = / \/api\/functions/.test(line) && answer.status < 300 ? parsed(answer.body) : null
    if (value === null) return answer
    const list = value["functions"]
    const changed = Array.isArray(list)
      ? { functions: (list as ReadonlyArray<Payload>).map(change) }
      : "status" in value && "env" in value
        ? change(value)
        : value
    return changed === value ? answer : { ...answer, body: Buffer.from(JSON.stringify(changed)) }
  }
})

/** A flaw of lists of versions. */
const versions = (change: (list: ReadonlyArray<Payload>) => ReadonlyArray<Payload>): Flaw => ({
  httpAnswer: (answer, { line }) => {
    const list = VERSIONS.test(line) ? parsed(answer.body)?.["versions"] : undefined
    if (!Array.isArray(list)) return answer
    return { ...answer, body: Buffer.from(JSON.stringify({ versions: change(list as Array<Payload>) })) }
  }
})

/** Says that it did what it refused with this code. */
const pretends = (line: RegExp, code: string, done: Payload, fits: RegExp = /./): Flaw => ({
  httpAnswer: (answer, request): HttpAnswer => {
    if (!line.test(request.line) || valueOf(answer.headers, "x-function-error") !== code) return answer
    if (!fits.test(answer.body.toString())) return answer
    const headers = withHeaders(answer.headers, {
      "x-function-error": null,
      "content-type": "application/json"
    })
    return { status: 200, headers, body: Buffer.from(JSON.stringify(done)) }
  }
})

/** Refusals of registrations that have these words. */
export const takesRegistrations = (fits: RegExp): Flaw =>
  pretends(REGISTRATION, "FN_006", { status: "registered" }, fits)

const DEPLOYED = { status: "deployed" }
const secrets = new Set<string>()
const leaking = registrations((settings) => {
  for (const value of Object.values(isObject(settings["env"]) ? settings["env"] : {}))
    secrets.add(String(value))
  return settings
})

/** Functions, versions, deployments, workers. */
export const lifecycle: Readonly<Record<string, Flaw>> = {
  // LC-001
  "born-deployed": views((view) =>
    view["status"] === "registered" ? { ...view, status: "deployed", state: "DEPLOYED" } : view
  ),
  // LC-002
  "ids-of-another-form": views((view) => ({
    ...view,
    function_id: String(view["function_id"]).replace("func-", "fn_")
  })),
  // LC-004: what a registration leaves out stays as it was
  "settings-stick": registrations((settings) =>
    "memory_mb" in settings ? settings : { memory_mb: 77, ...settings }
  ),
  // LC-006
  "takes-other-settings": takesRegistrations(/deployed already/),
  // LC-007
  "hides-defaults": views((view) => ({ ...view, memory_mb: null })),
  // LC-008
  "takes-any-runtime": takesRegistrations(/"runtime"/),
  // LC-009
  "shows-values": {
    ...leaking,
    ...views((view) => ({ ...view, values: [...secrets] }))
  },
  // LC-010
  "sums-in-capitals": {
    httpAnswer: (answer, { line }) =>
      DEPLOYMENT.test(line)
        ? {
            ...answer,
            body: Buffer.from(
              answer.body.toString().replace(/(?<="sha256":")[^"]*/, (sum) => sum.toUpperCase())
            )
          }
        : answer
  },
  // LC-011
  "versions-may-change": pretends(DEPLOYMENT, "FN_005", DEPLOYED, /other content/),
  // LC-015
  "versions-by-name": versions((list) =>
    list.toSorted((a, b) => String(a["version"]).localeCompare(String(b["version"])))
  ),
  // LC-016
  "all-versions-active": versions((list) => list.map((one) => ({ ...one, active: true }))),
  // LC-017
  "forgets-what-it-replaced": versions((list) => list.filter(({ active }) => active === true)),
  // LC-018
  "any-label": pretends(DEPLOYMENT, "FN_006", DEPLOYED),
  // LC-020 to LC-023
  "takes-any-bundle": pretends(DEPLOYMENT, "FN_005", DEPLOYED),
  // LC-028, LC-014: says yes to each version but the first, and leaves the first in force
  "acknowledges-in-vain": {
    ...said(DEPLOYMENT, (value) =>
      value["version"] === "v1" ? value : { version: value["version"], bundle_path: "/nowhere/bundle.js" }
    ),
    ...pretends(DEPLOYMENT, "FN_005", DEPLOYED)
  },
  // LC-052: which version the rollback names is nothing to it
  "goes-back-to-the-last-one": said(ROLLBACK, (value) => without(value, "version")),
  // LC-053, HG-097
  "goes-back-to-what-is-named": {
    httpRequest: (head) =>
      ROLLBACK.test(head.line) && valueOf(head.headers, "content-type") === undefined
        ? { ...head, headers: withHeaders(head.headers, { "content-type": "text/plain" }) }
        : head
  },
  // LC-054
  "pretends-to-go-back": pretends(ROLLBACK, "FN_005", DEPLOYED),
  // LC-056, LC-059, HG-098: it shows the function instead
  "deletes-nothing": {
    httpRequest: (head) => ({ ...head, line: head.line.replace(DELETION, "GET ") })
  },
  // LC-060
  "deletes-what-is-in-force": pretends(VERSION_DELETION, "FN_006", { status: "deleted" }),
  // LC-061, HG-099: it lists the versions instead
  "labels-stay-taken": {
    httpRequest: (head) =>
      VERSION_DELETION.test(head.line)
        ? { ...head, line: head.line.replace("DELETE ", "GET ").replace(/\/versions\/[^/ ]+ /, "/versions ") }
        : head
  },
  // LC-032
  "more-may-wait": pretends(DEPLOYMENT, "FN_007", DEPLOYED),
  // LC-033
  "forgets-at-the-start": { before: ({ data }) => rmSync(data, { recursive: true, force: true }) },
  // LC-038
  "a-worker-for-each-call": registrations((settings) => ({ ...settings, isolation: "invocation" })),
  // LC-039
  "more-than-its-concurrency": registrations((settings) => ({
    ...settings,
    concurrency: Number(settings["concurrency"] ?? 1) + 1
  })),
  // LC-040
  "keeps-nothing-warm": registrations((settings) => ({ ...settings, warm_workers: 0 })),
  // LC-041
  "never-idle-enough": registrations((settings) => ({ ...settings, idle_timeout_seconds: 600 })),
  // LC-042
  "workers-used-again": registrations((settings) => ({ ...settings, isolation: "worker" })),
  // LC-043
  "loads-each-time": registrations((settings) => ({ ...settings, snapshot: false })),
  // LC-046, LC-047
  "always-warm": views((view) => (view["state"] === "BUSY" ? { ...view, state: "WARM" } : view)),
  // LC-048
  "counts-nobody": views((view) => ({ ...view, queued: 0 })),
  // LC-049
  "always-cold": answers([0x01], (payload) =>
    payload["success"] === true ? { ...payload, cold_start: true } : payload
  )
}
