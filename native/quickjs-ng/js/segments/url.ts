export { URL } from "../url/URL.ts"
export { URLSearchParams } from "../url/URLSearchParams.ts"
export { blobOfUrl } from "../url/blobUrls.ts"
export { parseUrlencoded, serializeUrlencoded, url as urlNative } from "../url/form.ts"
