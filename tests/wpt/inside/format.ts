/** A value as an assertion's message shows it: short, and never throwing. */
export const show = (value: unknown, depth = 0): string => {
  try {
    if (typeof value === "string")
      return JSON.stringify(value.length > 200 ? `${value.slice(0, 200)}…` : value)
    if (Object.is(value, -0)) return "-0"
    if (typeof value === "bigint") return `${value}n`
    if (typeof value === "function") return `function ${value.name}`
    if (typeof value !== "object" || value === null) return String(value)
    if (value instanceof Error) return `${value.name}: ${value.message}`
    if (Array.isArray(value) && depth < 2) {
      return `[${value
        .slice(0, 20)
        .map((item) => show(item, depth + 1))
        .join(", ")}]`
    }
    return Object.prototype.toString.call(value)
  } catch {
    return "(a value that cannot be shown)"
  }
}
