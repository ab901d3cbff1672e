import type { CapabilityProfile } from "./Capabilities.ts"
import type { Runtime } from "./FunctionSpec.ts"

/**
 * What this build refuses though the documents name it. The server's checks and the command line's help both ask here, so
 * that help cannot offer what a registration then refuses. Each answer is null, or a sentence for the caller that says why
 * and what to do.
 */

/** Why no function can be deployed to this runtime. */
export const runtimeRefusal: { readonly [R in Runtime]: string | null } = {
  bun: null,
  "quickjs-ng": "this build has no QuickJS-NG worker yet; use bun"
}

/** Why no function can be given this profile: a profile that nothing enforces would be a lie. */
export const profileRefusal: { readonly [P in CapabilityProfile]: string | null } = {
  strict: notEnforced("strict"),
  permissive: null,
  custom: notEnforced("custom")
}

function notEnforced(profile: CapabilityProfile): string {
  return `this server cannot enforce the profile "${profile}" yet; leave it out, and run only code that you trust`
}

/** Those of the names that are refused. */
export const refusedNames = (refusals: Readonly<Record<string, string | null>>): ReadonlyArray<string> =>
  Object.keys(refusals).filter((name) => refusals[name] !== null)
