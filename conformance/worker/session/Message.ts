/** A message as it stands on a line. */
export interface Message {
  readonly id: string
  readonly type: string
  readonly payload: Payload
}

export type Payload = Readonly<Record<string, unknown>>

export const isObject = (value: unknown): value is Payload =>
  typeof value === "object" && value !== null && !Array.isArray(value)

const strict = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true })
const lossy = new TextDecoder("utf-8", { ignoreBOM: true })

/** What one line is: a message in form, or why it is none. */
export type ReadLine =
  | { readonly _tag: "Message"; readonly message: Message }
  | { readonly _tag: "Fault"; readonly rule: "utf8" | "json" | "envelope"; readonly why: string }

const fault = (rule: "utf8" | "json" | "envelope", why: string): ReadLine => ({ _tag: "Fault", rule, why })

/** Reads a line by the protocol's form: one JSON object in UTF-8, with the strings `id` and `type` and the object `payload`. */
export const readLine = (bytes: Uint8Array): ReadLine => {
  let text: string
  try {
    text = strict.decode(bytes)
  } catch {
    return fault("utf8", `a line is not UTF-8: ${showLine(bytes)}`)
  }
  let value: unknown
  try {
    value = JSON.parse(text)
  } catch {
    return fault("json", `a line is not JSON: ${showLine(bytes)}`)
  }
  if (!isObject(value)) return fault("json", `a line is not a JSON object: ${showLine(bytes)}`)
  for (const field of ["id", "type"]) {
    if (typeof value[field] !== "string") {
      return fault("envelope", `a message's ${field} is not a string: ${showLine(bytes)}`)
    }
  }
  if (!isObject(value["payload"])) {
    return fault("envelope", `a message's payload is not an object: ${showLine(bytes)}`)
  }
  return { _tag: "Message", message: value as unknown as Message }
}

const SHOWN = 200

/** The beginning of a line, for people. */
export const showLine = (bytes: Uint8Array): string => {
  const text = lossy.decode(bytes.subarray(0, SHOWN))
  return bytes.length <= SHOWN ? text : `${text}… [${bytes.length} bytes]`
}
