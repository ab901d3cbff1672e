import {
  asyncIteratorPrototype,
  ByteLengthQueuingStrategy,
  CountQueuingStrategy,
  ReadableByteStreamController,
  ReadableStream,
  ReadableStreamBYOBReader,
  ReadableStreamBYOBRequest,
  ReadableStreamDefaultController,
  ReadableStreamDefaultReader,
  TransformStream,
  TransformStreamDefaultController,
  WritableStream,
  WritableStreamDefaultController,
  WritableStreamDefaultWriter
} from "web-streams-polyfill"
import { describeInterface } from "../webidl/describeInterface.ts"

// What the library leaves different from what WebIDL demands of an interface.

// was taken out of the standard
Reflect.deleteProperty(WritableStreamDefaultController.prototype, "abortReason")

describeInterface(ByteLengthQueuingStrategy, "ByteLengthQueuingStrategy", 1)
describeInterface(CountQueuingStrategy, "CountQueuingStrategy", 1)
describeInterface(ReadableByteStreamController as never, "ReadableByteStreamController", 0)
describeInterface(ReadableStream, "ReadableStream", 0)
describeInterface(ReadableStreamBYOBReader, "ReadableStreamBYOBReader", 1)
describeInterface(ReadableStreamBYOBRequest as never, "ReadableStreamBYOBRequest", 0)
describeInterface(ReadableStreamDefaultController as never, "ReadableStreamDefaultController", 0)
describeInterface(ReadableStreamDefaultReader, "ReadableStreamDefaultReader", 1)
describeInterface(TransformStream, "TransformStream", 0)
describeInterface(TransformStreamDefaultController as never, "TransformStreamDefaultController", 0)
describeInterface(WritableStream, "WritableStream", 0)
describeInterface(WritableStreamDefaultController as never, "WritableStreamDefaultController", 0)
describeInterface(WritableStreamDefaultWriter, "WritableStreamDefaultWriter", 1)

// an asynchronous iterator has `next` and `return`, and the rest from %AsyncIteratorPrototype%
const generators = Object.getPrototypeOf(async function* () {}) as { readonly prototype: object }
Reflect.deleteProperty(asyncIteratorPrototype, Symbol.asyncIterator)
Object.setPrototypeOf(asyncIteratorPrototype, Object.getPrototypeOf(generators.prototype) as object)
for (const name of ["next", "return"])
  Object.defineProperty(asyncIteratorPrototype, name, { enumerable: true })
