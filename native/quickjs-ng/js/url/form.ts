import { native } from "bunbase:core"

/** The native functions, at hand from the first use of this segment on. */
export const url = native.url()

/** Names and values in turn of application/x-www-form-urlencoded text (URL standard, 5.1). */
export const parseUrlencoded = (text: string): Array<string> => url.parseForm(text)

/** application/x-www-form-urlencoded text of names and values in turn (URL standard, 5.2). */
export const serializeUrlencoded = (namesAndValues: ReadonlyArray<string>): string =>
  url.serializeForm(namesAndValues, namesAndValues.length)
