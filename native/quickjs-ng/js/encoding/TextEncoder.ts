import { native } from "bunbase:core"
import { needArguments, usvString } from "../webidl/convert.ts"
import { describeInterface } from "../webidl/describeInterface.ts"

const typeName = Object.getOwnPropertyDescriptor(
  Object.getPrototypeOf(Uint8Array.prototype) as object,
  Symbol.toStringTag
)?.get as () => string | undefined

/** Encoding standard, 7.3. */
export class TextEncoder {
  #brand = true

  get encoding(): string {
    return this.#check("encoding") && "utf-8"
  }

  encode(input: string = ""): Uint8Array {
    this.#check("encode")
    return native.utf8Encode(usvString(input))
  }

  encodeInto(source: string, destination: Uint8Array): { read: number; written: number } {
    this.#check("encodeInto")
    needArguments(arguments.length, 2, "TextEncoder.encodeInto")
    const text = usvString(source)
    if (!ArrayBuffer.isView(destination) || Reflect.apply(typeName, destination, []) !== "Uint8Array") {
      throw new TypeError("TextEncoder.encodeInto: the destination is not a Uint8Array")
    }
    if (destination.length === 0) return { read: 0, written: 0 }
    return native.utf8EncodeInto(text, destination)
  }

  #check(member: string): true {
    if (!this.#brand) throw new TypeError(member)
    return true
  }
}

describeInterface(TextEncoder, "TextEncoder", 0)
