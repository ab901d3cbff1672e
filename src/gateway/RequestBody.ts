/**
 * The whole body of a request whose length its client did not declare, counted as it arrives; null as soon as it is over
 * `limit` bytes (what follows is not kept). Fails when the client goes away.
 *
 * At most `limit` bytes and one chunk are held at a time; between chunks the kernel's buffers make the client wait.
 */
export const readCounted = async (request: Request, limit: number): Promise<Uint8Array | null> => {
  if (request.body === null) return new Uint8Array(0)
  const sink = new Bun.ArrayBufferSink()
  sink.start({ asUint8Array: true })
  const reader = request.body.getReader()
  let length = 0
  for (;;) {
    const { done, value } = await reader.read()
    if (done) break
    length += value.byteLength
    if (length > limit) {
      // Nobody waits for this: it only tells the server to keep nothing more.
      reader.cancel().catch(() => {})
      sink.end()
      return null
    }
    // The chunk's memory is the reader's; the sink copies it.
    sink.write(value)
  }
  const bytes = sink.end()
  return bytes instanceof Uint8Array ? bytes : new Uint8Array(bytes)
}

/** What `Content-Length` declares, or null without one. The HTTP server has refused everything that is not a number. */
export const declaredLength = (contentLength: string | null | undefined): number | null =>
  contentLength == null ? null : Number.parseInt(contentLength, 10)

/**
 * The whole body of a request, or null where it is over `limit` bytes; a declared length over it is refused unread. Fails
 * when the client goes away.
 */
export const readBody = async (request: Request, limit: number): Promise<Uint8Array | null> => {
  const declared = declaredLength(request.headers.get("content-length"))
  if (declared === null) return readCounted(request, limit)
  return declared > limit ? null : request.bytes()
}
