/** Message, stack and place of whatever was thrown. Nothing here throws. */
export const describe = (thrown: unknown): { readonly message: string; readonly stack?: string } => {
  try {
    if (thrown instanceof Error) {
      const { message, name, stack } = thrown
      const title = message === "" ? name : `${name}: ${message}`
      return { message: message === "" ? name : message, stack: `${title}\n${stack ?? ""}` }
    }
    if (typeof thrown === "string") return { message: thrown }
    return { message: `${typeof thrown === "object" ? JSON.stringify(thrown) : String(thrown)} was thrown` }
  } catch {
    return { message: "something was thrown that cannot be shown" }
  }
}

interface Place {
  readonly line?: number
  readonly column?: number
}

/** Why a bundle could not be loaded, and where in it. */
export const describeLoad = (thrown: unknown, path: string): Place & { readonly message: string } => {
  const first: unknown = thrown instanceof AggregateError ? (thrown.errors[0] as unknown) : thrown
  const { message, stack = "" } = describe(first)
  const { position } =
    ((typeof first === "object" ? first : null) as { readonly position?: Place } | null) ?? {}
  if (typeof position?.line === "number" && typeof position.column === "number")
    return { message, line: position.line, column: position.column }
  const at = stack.split(`${path}:`)[1]?.split(/[:)\n]/) ?? []
  const [line, column] = [Number(at[0]), Number(at[1])]
  return line > 0 && column > 0 ? { message, line, column } : { message }
}
