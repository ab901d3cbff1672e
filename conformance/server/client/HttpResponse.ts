/** An answer as it came over the wire: nothing merged, nothing decoded. */
export interface HttpResponse {
  readonly status: number
  readonly version: string
  /** In the order and with the names that were sent; values as Latin-1. */
  readonly headers: ReadonlyArray<readonly [string, string]>
  readonly body: Buffer
  /** The statuses of interim answers before it. */
  readonly interim: ReadonlyArray<number>
  /** The first with this name, in any case. */
  readonly header: (name: string) => string | undefined
  readonly all: (name: string) => ReadonlyArray<string>
  readonly text: () => string
  /** The body as JSON; undefined where it is none. */
  readonly json: () => unknown
}

interface Read {
  readonly response: HttpResponse
  /** Bytes that it took. */
  readonly length: number
}

/** The answer at the beginning of the bytes; null while it is not whole. */
export const parseResponse = (bytes: Buffer, method: string, ended: boolean): Read | null => {
  let at = 0
  const interim: Array<number> = []
  for (;;) {
    const headEnd = bytes.indexOf("\r\n\r\n", at)
    if (headEnd === -1) return null
    const [statusLine = "", ...lines] = bytes.subarray(at, headEnd).toString("latin1").split("\r\n")
    const [, version = "", digits = ""] = /^(HTTP\/\d\.\d) (\d{3})/.exec(statusLine) ?? []
    const status = Number(digits)
    at = headEnd + 4
    if (status >= 100 && status < 200) {
      interim.push(status)
      continue
    }
    const headers = lines.map((line) => {
      const colon = line.indexOf(":")
      return [line.slice(0, colon), line.slice(colon + 1).trim()] as const
    })
    const body = bodyOf(
      bytes.subarray(at),
      headers,
      method === "HEAD" || status === 204 || status === 304,
      ended
    )
    if (body === null) return null
    return { response: responseOf(status, version, headers, body.bytes, interim), length: at + body.length }
  }
}

const bodyOf = (
  bytes: Buffer,
  headers: HttpResponse["headers"],
  isBodiless: boolean,
  ended: boolean
): { readonly bytes: Buffer; readonly length: number } | null => {
  if (isBodiless) return { bytes: Buffer.alloc(0), length: 0 }
  const header = (name: string) => headers.find(([key]) => key.toLowerCase() === name)?.[1]
  if (header("transfer-encoding")?.toLowerCase() === "chunked") return chunked(bytes)
  const declared = header("content-length")
  if (declared !== undefined) {
    const length = Number(declared)
    return bytes.length < length ? null : { bytes: bytes.subarray(0, length), length }
  }
  return ended ? { bytes, length: bytes.length } : null
}

const chunked = (bytes: Buffer): { readonly bytes: Buffer; readonly length: number } | null => {
  const parts: Array<Buffer> = []
  let at = 0
  for (;;) {
    const lineEnd = bytes.indexOf("\r\n", at)
    if (lineEnd === -1) return null
    const size = Number.parseInt(bytes.subarray(at, lineEnd).toString("latin1"), 16)
    at = lineEnd + 2
    if (bytes.length < at + size + 2) return null
    parts.push(bytes.subarray(at, at + size))
    at += size + 2
    if (size === 0) return { bytes: Buffer.concat(parts), length: at }
  }
}

const responseOf = (
  status: number,
  version: string,
  headers: HttpResponse["headers"],
  body: Buffer,
  interim: ReadonlyArray<number>
): HttpResponse => {
  const all = (name: string) =>
    headers.flatMap(([key, value]) => (key.toLowerCase() === name.toLowerCase() ? [value] : []))
  return {
    status,
    version,
    headers,
    body,
    interim,
    all,
    header: (name) => all(name)[0],
    text: () => body.toString(),
    json: () => {
      try {
        return JSON.parse(body.toString())
      } catch {
        return undefined
      }
    }
  }
}
