import { native } from "bunbase:core"

const blobs = new Map<string, object>()

/** File API, 8.4: a URL for a Blob until it is revoked. Throws TypeError for anything else. */
export const registerBlob = (object: unknown): string => {
  const Blob = native.segment("files")["Blob"] as new () => object
  if (!(object instanceof Blob)) throw new TypeError("URL.createObjectURL: the argument is not a Blob")
  const bytes = new Uint8Array(16)
  native.randomFill(bytes)
  bytes[6] = ((bytes[6] as number) & 0x0f) | 0x40
  bytes[8] = ((bytes[8] as number) & 0x3f) | 0x80
  let uuid = ""
  for (let i = 0; i < 16; i++) {
    if (i === 4 || i === 6 || i === 8 || i === 10) uuid += "-"
    uuid += (bytes[i] as number).toString(16).padStart(2, "0")
  }
  // A worker has an opaque origin, which is written "null".
  const url = `blob:null/${uuid}`
  blobs.set(url, object)
  return url
}

/** Forgets it; an unknown one is no error. */
export const revokeBlob = (url: string): void => {
  blobs.delete(withoutHash(url))
}

/** The Blob of a URL made here and not revoked. */
export const blobOfUrl = (url: string): object | undefined => blobs.get(withoutHash(url))

const withoutHash = (url: string): string => {
  const at = url.indexOf("#")
  return at < 0 ? url : url.slice(0, at)
}
