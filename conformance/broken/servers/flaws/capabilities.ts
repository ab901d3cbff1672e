import { type Flaw, isObject, type Payload, problems } from "../Flaw.ts"
import { registrations, takesRegistrations, views } from "./lifecycle.ts"

const PERMISSIVE = {
  profile: "permissive",
  read_paths: [],
  write_paths: [],
  domains: [],
  child_processes: false,
  eval: false
}

/** A flaw of the capabilities that are shown. */
const shown = (change: (capabilities: Payload, view: Payload) => Payload): Flaw =>
  views((view) => {
    const { capabilities } = view
    return isObject(capabilities) ? { ...view, capabilities: change(capabilities, view) } : view
  })

/** A flaw of the domains that a registration names. */
const domains = (change: (list: ReadonlyArray<string>) => ReadonlyArray<string>): Flaw =>
  registrations((settings) => {
    const { capabilities } = settings
    if (!isObject(capabilities) || !Array.isArray(capabilities["domains"])) return settings
    const list = change(capabilities["domains"] as ReadonlyArray<string>)
    return { ...settings, capabilities: { ...capabilities, domains: list } }
  })

/** Profiles, what they say, and who keeps to them. */
export const capabilities: Readonly<Record<string, Flaw>> = {
  // CP-001
  "open-by-default": registrations((settings) => ({ capabilities: PERMISSIVE, ...settings })),
  // CP-002
  "strict-in-name": shown((one, { runtime }) => (runtime === "bun" ? { ...one, profile: "strict" } : one)),
  // CP-003, CP-006 to CP-010
  "takes-any-capabilities": takesRegistrations(/"capabilities/),
  // CP-004
  "shows-a-part-of-capabilities": shown(({ domains: list, profile }) => ({ domains: list, profile })),
  // CP-005: lists count whatever the profile
  "lists-count-always": registrations((settings) => {
    const { capabilities: given } = settings
    return isObject(given) && given["profile"] === "strict"
      ? { ...settings, capabilities: { ...given, profile: "custom" } }
      : settings
  }),
  // CP-011
  "faults-without-a-place": problems((problem) =>
    Array.isArray(problem["violations"])
      ? {
          ...problem,
          violations: (problem["violations"] as ReadonlyArray<Payload>).map((one) => ({ ...one, field: "" }))
        }
      : problem
  ),
  // CP-012 to CP-014, CP-016, CP-020, CP-029 to CP-031
  "confines-nobody": registrations((settings) =>
    settings["runtime"] === "quickjs-ng" ? { ...settings, capabilities: PERMISSIVE } : settings
  ),
  // CP-015, CP-019, CP-021 to CP-022, CP-030
  "grants-nothing": registrations((settings) => {
    const { capabilities: _, ...rest } = settings
    return rest
  }),
  // CP-017
  "a-star-is-also-nothing": domains((list) => [...list, ...list.map((one) => one.replace(/^\*\./, ""))]),
  // CP-033
  "hands-on-its-environment": registrations((settings) => ({
    ...settings,
    env: { ...(settings["env"] as object | undefined), SERVER_PATH: process.env["PATH"] ?? "" }
  }))
}
