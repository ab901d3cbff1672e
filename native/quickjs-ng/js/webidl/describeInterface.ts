/**
 * Makes a class look as WebIDL demands of an interface: its members are enumerable, `Symbol.toStringTag` bears its name, and
 * its constructor's `length` is the number of required arguments.
 */
export const describeInterface = (
  constructor: abstract new (...args: Array<never>) => object,
  name: string,
  length: number
): void => {
  exposeMembers(constructor.prototype as object, ["constructor"])
  exposeMembers(constructor, ["prototype", "length", "name"])
  Object.defineProperty(constructor.prototype, Symbol.toStringTag, {
    value: name,
    writable: false,
    enumerable: false,
    configurable: true
  })
  Object.defineProperty(constructor, "name", { value: name, configurable: true })
  Object.defineProperty(constructor, "length", { value: length, configurable: true })
}

/** Makes the own members with a string as their key enumerable, but those that are named. */
const exposeMembers = (holder: object, except: ReadonlyArray<string>): void => {
  for (const key of Object.getOwnPropertyNames(holder)) {
    if (except.includes(key)) continue
    const descriptor = Object.getOwnPropertyDescriptor(holder, key) as PropertyDescriptor
    if (descriptor.configurable === true)
      Object.defineProperty(holder, key, { ...descriptor, enumerable: true })
  }
}
