import { native } from "bunbase:core"
import { describeInterface } from "../webidl/describeInterface.ts"
import { needArguments } from "../webidl/convert.ts"
import { isObject } from "../webidl/isObject.ts"
import { subtle, type SubtleCrypto } from "./SubtleCrypto.ts"

const CONSTRUCT = Symbol("construct")
/** Web Cryptography API, 10.1.1: more at once is refused. */
const MAX_RANDOM_BYTES = 65_536

const HEX = Array.from({ length: 256 }, (_, byte) => byte.toString(16).padStart(2, "0"))

let check: (value: unknown) => void

/** The typed array's own name: a DataView or an array of floats is not one of integers. */
const typedArrayName = Object.getOwnPropertyDescriptor(
  Object.getPrototypeOf(Uint8Array.prototype) as object,
  Symbol.toStringTag
)?.get as () => string | undefined

/** Web Cryptography API, 10. */
export class Crypto {
  readonly #brand = true

  static {
    check = (value) => {
      if (!isObject(value) || !(#brand in value)) throw new TypeError("Illegal invocation")
    }
  }

  constructor(...args: ReadonlyArray<never>) {
    if ((args[0] as unknown) !== CONSTRUCT) throw new TypeError("Illegal constructor")
    void this.#brand
  }

  get subtle(): SubtleCrypto {
    check(this)
    return subtle
  }

  getRandomValues<View extends ArrayBufferView>(array: View): View {
    check(this)
    needArguments(arguments.length, 1, "getRandomValues")
    if (!ArrayBuffer.isView(array)) throw new TypeError("getRandomValues: the argument is not a typed array")
    const name = typedArrayName.call(array)
    if (name === undefined || name.startsWith("Float")) {
      throw new DOMException("getRandomValues: the array is not one of integers", "TypeMismatchError")
    }
    if (array.byteLength > MAX_RANDOM_BYTES) {
      throw new DOMException(
        `getRandomValues gives at most ${MAX_RANDOM_BYTES} bytes at once, not ${array.byteLength}`,
        "QuotaExceededError"
      )
    }
    native.randomFill(new Uint8Array(array.buffer, array.byteOffset, array.byteLength))
    return array
  }

  randomUUID(): string {
    check(this)
    const bytes = new Uint8Array(16)
    native.randomFill(bytes)
    bytes[6] = ((bytes[6] as number) & 0x0f) | 0x40
    bytes[8] = ((bytes[8] as number) & 0x3f) | 0x80
    let text = ""
    for (let i = 0; i < 16; i += 1) {
      if (i === 4 || i === 6 || i === 8 || i === 10) text += "-"
      text += HEX[bytes[i] as number] as string
    }
    return text
  }
}
describeInterface(Crypto, "Crypto", 0)

export const crypto = new Crypto(CONSTRUCT as never)
