/** The kernel keeps a socket's address in 108 bytes, the last of them NUL: a path has at most so many. */
export const MAX_SOCKET_PATH_BYTES = 107

/** Why no socket can have this path, or null; what to do is for whoever says it. */
export const socketPathTooLong = (path: string): string | null => {
  const bytes = Buffer.byteLength(path)
  return bytes <= MAX_SOCKET_PATH_BYTES
    ? null
    : `a socket's path has at most ${MAX_SOCKET_PATH_BYTES} bytes, and this one has ${bytes}`
}
