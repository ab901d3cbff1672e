import { isObject, type Message, type Payload } from "./Message.ts"

const HEADER_NAME = /^[!#$%&'*+\-.^_`|~0-9A-Za-z]+$/
// oxlint-disable-next-line no-control-regex
const HEADER_VALUE = /^[^\u0000\n\r\u0100-\uffff]*$/
const BASE64 = /^(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?$/

export const LOG_LEVELS: ReadonlyArray<unknown> = ["debug", "info", "warn", "error"]

export const ERROR_CODES: ReadonlyArray<unknown> = [
  "HANDLER_ERROR",
  "INVALID_RESPONSE",
  "RESPONSE_TOO_LARGE",
  "BUNDLE_LOAD_ERROR",
  "NO_HANDLER",
  "PERMISSION_DENIED",
  "OUT_OF_MEMORY",
  "CANCELLED"
]

const optionalString = (payload: Payload, names: ReadonlyArray<string>): string | null => {
  const wrong = names.find((name) => payload[name] !== undefined && typeof payload[name] !== "string")
  return wrong === undefined ? null : `${wrong} is not a string`
}

const isBase64 = (value: unknown): boolean =>
  // a pattern over megabytes of one line would take its stack
  typeof value === "string" &&
  (value.length < 4_096
    ? BASE64.test(value)
    : value.length % 4 === 0 && Buffer.from(value, "base64").toString("base64") === value)

const headersFault = (headers: unknown): string | null => {
  if (!isObject(headers)) return "headers is not an object"
  for (const [name, held] of Object.entries(headers)) {
    if (!HEADER_NAME.test(name)) return `a header's name cannot be sent: ${JSON.stringify(name)}`
    for (const value of Array.isArray(held) ? held : [held]) {
      if (typeof value !== "string") return `the header ${name} is neither a string nor an array of strings`
      if (!HEADER_VALUE.test(value)) return `the header ${name} has a value that cannot be sent`
    }
  }
  return null
}

const requestFault = (request: unknown): string | null => {
  if (!isObject(request)) return "request is not an object"
  for (const name of ["url", "method"])
    if (typeof request[name] !== "string") return `request.${name} is not a string`
  if (!isBase64(request["body"])) return "request.body is not base64"
  if (!["follow", "error", "manual"].includes(request["redirect"] as string)) {
    return "request.redirect is not follow, error or manual"
  }
  const headers = headersFault(request["headers"])
  return headers === null ? null : `request: ${headers}`
}

/** What is wrong with the payload of a worker's message, or null; null too for types that nobody knows. */
export const payloadFault = ({ type, payload }: Message): string | null => {
  switch (type) {
    case "ready": {
      const { features, pid } = payload
      if (
        features !== undefined &&
        !(Array.isArray(features) && features.every((one) => typeof one === "string"))
      )
        return "features is not an array of strings"
      if (pid !== undefined && !(Number.isSafeInteger(pid) && (pid as number) > 0))
        return "pid is no process id"
      return optionalString(payload, ["protocol", "runtime", "runtime_version", "handler"])
    }
    case "response": {
      const { status } = payload
      if (!Number.isInteger(status) || (status as number) < 200 || (status as number) > 599)
        return "status is not a whole number from 200 to 599"
      return isBase64(payload["body"]) ? headersFault(payload["headers"]) : "body is not base64"
    }
    case "error": {
      if (typeof payload["message"] !== "string") return "message is not a string"
      if (typeof payload["code"] !== "string") return "code is not a string"
      for (const place of ["line", "column"]) {
        if (payload[place] !== undefined && !Number.isFinite(payload[place]))
          return `${place} is not a number`
      }
      return optionalString(payload, ["stack"])
    }
    case "log":
      if (typeof payload["message"] !== "string") return "message is not a string"
      if (!LOG_LEVELS.includes(payload["level"])) return "level is none of debug, info, warn and error"
      return payload["metadata"] === undefined || isObject(payload["metadata"])
        ? null
        : "metadata is not an object"
    case "call":
      for (const name of ["call_id", "name"])
        if (typeof payload[name] !== "string") return `${name} is not a string`
      return payload["request"] === undefined ? null : requestFault(payload["request"])
    default:
      return null
  }
}
