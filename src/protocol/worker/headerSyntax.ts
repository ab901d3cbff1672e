/** A header's name: a token of RFC 9110, 5.6.2. */
export const HEADER_NAME = /^[!#$%&'*+\-.^_`|~0-9A-Za-z]+$/
/** A header's value that can be sent: no line breaks, no NUL, nothing beyond Latin-1. */
// oxlint-disable-next-line no-control-regex
export const HEADER_VALUE = /^[^\u0000\n\r\u0100-\uffff]*$/

/** Why this header cannot be sent over HTTP, or null. What came from the worker is shown in short, and safe to print. */
export const headerFault = (name: string, value: string): string | null => {
  if (!HEADER_NAME.test(name)) return `headers has a name that HTTP does not allow: ${shown(name)}`
  if (!HEADER_VALUE.test(value))
    return `the header ${shown(name)} has a value with a line break, a NUL or a character beyond Latin-1`
  return null
}

const shown = (name: string): string => JSON.stringify(name.length <= 64 ? name : `${name.slice(0, 64)}…`)
