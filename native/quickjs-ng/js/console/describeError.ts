const read = (value: object, name: string): unknown => {
  try {
    return (value as Record<string, unknown>)[name]
  } catch {
    return undefined
  }
}

/** `Name: message` and the stack's frames below. Never throws. */
export const describeError = (error: object): string => {
  const name = read(error, "name")
  const message = read(error, "message")
  const stack = read(error, "stack")
  const title = typeof name === "string" && name !== "" ? name : "Error"
  const head = typeof message === "string" && message !== "" ? `${title}: ${message}` : title
  if (typeof stack !== "string" || stack === "") return head
  // The engine's stacks are frames alone; an author's own may begin with the message.
  const frames = stack.startsWith(head) ? stack.slice(head.length).replace(/^\n/, "") : stack
  const lines = frames.split("\n").filter((line) => line.trim() !== "")
  return [head, ...lines.map((line) => (/^\s/.test(line) ? `      ${line.trim()}` : line))].join("\n")
}
