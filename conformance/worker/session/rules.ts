/** What the monitors hold every worker to. */
export type Rule = keyof typeof requirements | "flood"

const requirements = {
  /** Lines are UTF-8. */
  utf8: ["WP-010"],
  /** Each is one JSON object. */
  json: ["WP-010"],
  /** With a string `id`, a string `type` and an object `payload`. */
  envelope: ["WP-030"],
  /** Payloads have the form of their type. */
  payload: ["WP-031"],
  /** The last line has a newline. */
  torn: ["WP-010"],
  /** Lines are bounded. */
  oversize: ["WP-016"],
  "ready-once": ["WP-041"],
  "ready-id": ["WP-044"],
  "before-ready": ["WP-042"],
  "answer-twice": ["WP-091"],
  "answer-unasked": ["WP-092"],
  "error-code": ["WP-108"],
  "log-id": ["WP-110"],
  pong: ["WP-135"],
  "call-feature": ["WP-046"],
  "call-id": ["WP-151"],
  "call-unique": ["WP-150"],
  "call-abort": ["WP-156"]
} as const satisfies Readonly<Record<string, ReadonlyArray<string>>>

/** The requirements that a rule stands for; undefined where it is none: a flood is within its rights, only nobody can bear it. */
export const requirementsOf = (rule: Rule): ReadonlyArray<string> | undefined =>
  rule === "flood" ? undefined : requirements[rule]

const FORM: ReadonlyArray<Rule> = ["utf8", "json", "envelope", "payload", "torn", "oversize", "flood"]

/** Whether it is about lines and messages as such, and not about what was asked for. */
export const isAboutForm = (rule: Rule): boolean => FORM.includes(rule)
