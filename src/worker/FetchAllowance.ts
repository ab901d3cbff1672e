import type { Capabilities } from "../domain/Capabilities.ts"

/** Whether a host's name is covered by a domain as capabilities write it: the name itself, or `*.` and what ends with it. */
const covers = (domain: string, host: string): boolean =>
  domain.startsWith("*.")
    ? host.endsWith(domain.slice(1)) && host.length > domain.length - 1
    : host === domain

/** Why a function with these capabilities may not fetch from there (FN_009), or null. Asked again at every redirect. */
export const fetchRefusal = ({ domains, profile }: Capabilities, { hostname }: URL): string | null => {
  // `example.com.` names the same host.
  const host = hostname.endsWith(".") ? hostname.slice(0, -1) : hostname
  switch (profile) {
    case "permissive":
      return null
    case "strict":
      return `fetch from ${host} is not allowed: the function's profile is strict, which has no network`
    case "custom":
      return domains.some((domain) => covers(domain, host))
        ? null
        : `fetch from ${host} is not allowed: it is not among the function's domains`
  }
}
