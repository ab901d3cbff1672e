import { Schema } from "effect"

/**
 * What a function may do beyond computing. The shape is fixed here so that it is stored and shown from the
 * start; enforcing it is the sandbox's work.
 */
export const CapabilityProfile = Schema.Literal("strict", "permissive", "custom")
export type CapabilityProfile = typeof CapabilityProfile.Type

const AbsolutePath = Schema.String.pipe(
  Schema.filter(
    (path) => (path.startsWith("/") && !path.split("/").includes("..")) || "use an absolute path without '..'"
  )
)
const DomainPattern = Schema.String.pipe(
  Schema.pattern(/^(\*\.)?[a-z0-9]([a-z0-9-]*[a-z0-9])?(\.[a-z0-9]([a-z0-9-]*[a-z0-9])?)*$/, {
    message: () => "use a domain such as api.example.com or *.example.com"
  })
)

export const Capabilities = Schema.Struct({
  profile: CapabilityProfile,
  /** Absolute paths that may be read, beyond the bundle itself. */
  read_paths: Schema.Array(AbsolutePath),
  /** Absolute paths that may be written, beyond the function's own temp folder. */
  write_paths: Schema.Array(AbsolutePath),
  /** Domains that `fetch` may reach. */
  domains: Schema.Array(DomainPattern),
  child_processes: Schema.Boolean,
  eval: Schema.Boolean
})
export type Capabilities = typeof Capabilities.Type

const nothing = { read_paths: [], write_paths: [], domains: [], child_processes: false, eval: false } as const

/** The documents' defaults for each profile. `permissive` grants everything; the lists then do not matter. */
export const profileCapabilities: { readonly [P in CapabilityProfile]: Capabilities } = {
  strict: { profile: "strict", ...nothing },
  permissive: { profile: "permissive", ...nothing, child_processes: true, eval: true },
  custom: { profile: "custom", ...nothing }
}
