import { Data } from "effect"

/** Where a value came from. `name` is how it is set there: `--max-workers`, `FUNCTIONS_MAX_WORKERS`, a file's path. */
export type Origin =
  { readonly source: "flag" | "environment" | "file"; readonly name: string } | { readonly source: "default" }

/** One fault of a configuration. */
export interface ConfigViolation {
  /** The option's name as in the file, e.g. `max_workers`; `config` for the file itself. */
  readonly field: string
  readonly origin: Origin
  /** As it was written. Absent where there is none, and for secrets. */
  readonly value?: unknown
  /** What is wrong and what to do. */
  readonly message: string
}

export const showOrigin = (origin: Origin): string => (origin.source === "default" ? "default" : origin.name)

/** The same for a fault, where a default has to be changed: how it can be. */
export const showOriginIn = (field: string, origin: Origin): string =>
  origin.source === "default" ? `default; --${field.replaceAll("_", "-")} sets it` : origin.name

/** Texts in quotes; long ones are cut. */
export const showValue = (value: unknown): string => {
  const text = JSON.stringify(value) ?? String(value)
  return text.length > 80 ? `${text.slice(0, 77)}...` : text
}

/** The configuration is wrong. Carries every fault, not only the first (exit code 2). */
export class ConfigInvalid extends Data.TaggedError("ConfigInvalid")<{
  readonly violations: ReadonlyArray<ConfigViolation>
}> {
  /** The same, with where these options came from. */
  from(origins: Readonly<Record<string, Origin>>): ConfigInvalid {
    return new ConfigInvalid({
      violations: this.violations.map((one) => ({ ...one, origin: origins[one.field] ?? one.origin }))
    })
  }

  override get message() {
    const count = this.violations.length === 1 ? "a fault" : `${this.violations.length} faults`
    const lines = this.violations.map(({ field, message, origin, ...violation }) => {
      const value = "value" in violation ? ` = ${showValue(violation.value)}` : ""
      const from = showOriginIn(field, origin)
      // Of a name that no option has, where it came from may be all that is known of it.
      return `  ${field}${value}${from === field ? "" : ` (${from})`}: ${message}`
    })
    return `the configuration has ${count}\n${lines.join("\n")}`
  }
}
