import type { Capabilities, CapabilityProfile } from "./Capabilities.ts"
import { profileCapabilities } from "./Capabilities.ts"
import type { Violation } from "./Errors.ts"
import type { FunctionSettings, Runtime } from "./FunctionSpec.ts"

/** What each runtime is held to, and what it cannot be asked for. The server's checks and the command line's help ask here. */

/** The profile of a function that names none: what the runtime can enforce, the strictest. */
export const defaultProfile: { readonly [R in Runtime]: CapabilityProfile } = {
  bun: "permissive",
  "quickjs-ng": "strict"
}

/** Profiles that a function on this runtime can have. A Bun worker is not confined: to store another one would be a lie. */
export const profilesOf: { readonly [R in Runtime]: ReadonlyArray<CapabilityProfile> } = {
  bun: ["permissive"],
  "quickjs-ng": ["strict", "permissive", "custom"]
}

/** What a function may do: of `strict` and `permissive` the profile alone says it, of `custom` the lists. */
export const capabilitiesInForce = (runtime: Runtime, settings: FunctionSettings): Capabilities => {
  const { capabilities } = settings
  if (capabilities === undefined) return profileCapabilities[defaultProfile[runtime]]
  return capabilities.profile === "custom" ? capabilities : profileCapabilities[capabilities.profile]
}

const profileViolation = (runtime: Runtime, profile: CapabilityProfile): ReadonlyArray<Violation> =>
  profilesOf[runtime].includes(profile)
    ? []
    : [
        {
          field: "capabilities",
          value: profile,
          message: `this server cannot enforce the profile "${profile}" on ${runtime} yet; leave it out, and run only code that you trust, or use the runtime quickjs-ng`
        }
      ]

/** A QuickJS-NG worker has no files and starts no programs, whatever it is granted: to grant it would be a lie too. */
const grantsInVain = ({
  child_processes,
  read_paths,
  write_paths
}: Capabilities): ReadonlyArray<Violation> => [
  ...[["read_paths", read_paths] as const, ["write_paths", write_paths] as const].flatMap(([field, paths]) =>
    paths.length === 0
      ? []
      : [
          {
            field: `capabilities.${field}`,
            value: paths,
            message: "a quickjs-ng function has no files; leave this empty, or use the runtime bun"
          }
        ]
  ),
  ...(child_processes
    ? [
        {
          field: "capabilities.child_processes",
          value: true,
          message: "a quickjs-ng function cannot start programs; use false, or the runtime bun"
        }
      ]
    : [])
]

/** What of a function's settings its runtime cannot keep (FN_006). */
export const runtimeRuleViolations = (
  runtime: Runtime,
  { capabilities, snapshot }: FunctionSettings
): ReadonlyArray<Violation> => [
  ...(capabilities === undefined ? [] : profileViolation(runtime, capabilities.profile)),
  ...(runtime === "quickjs-ng" && capabilities?.profile === "custom" ? grantsInVain(capabilities) : []),
  ...(snapshot === true && runtime !== "quickjs-ng"
    ? [
        {
          field: "snapshot",
          value: true,
          message: `workers on ${runtime} cannot be forked; leave it out, or use the runtime quickjs-ng`
        }
      ]
    : [])
]
