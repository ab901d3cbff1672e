export { fetch, hostResult, wasDenied } from "../fetch/fetch.ts"
export { Headers } from "../fetch/Headers.ts"
export { Request } from "../fetch/Request.ts"
export { Response } from "../fetch/Response.ts"
export { type Fault, type Parts, requestFromWire, responseParts, type WireRequest } from "../fetch/session.ts"

// for the segment fetch-more
export { Body, consumeBytes, extractBody, type Extracted } from "../fetch/Body.ts"
export { fillHeaders, headerList, type HeadersInit, isHeaders, makeHeaders } from "../fetch/Headers.ts"
export { HeaderList, headerName, isHeaderValue, normalValue } from "../fetch/HeaderList.ts"
export { events, files, streams, url } from "../fetch/lazy.ts"
export { requestState } from "../fetch/Request.ts"
export { CACHES, CREDENTIALS, MODES, POLICIES, REDIRECTS, RequestState } from "../fetch/RequestState.ts"
export { makeResponse, ResponseState } from "../fetch/Response.ts"
export {
  type Answer,
  bareAnswer,
  bodyAnswer,
  bytesFromWire,
  hasNoBody,
  isCrowded,
  listFromWire,
  statusFault
} from "../fetch/session.ts"
export { hasCredentials, parseUrl } from "../fetch/urls.ts"
