import "../streams/interfaces.ts"

export {
  cancelQuietly,
  isDisturbed,
  isLocked,
  isReadableStream,
  proxyOf,
  readAllBytes,
  streamOfBytes,
  streamOfIterable,
  teeForClone,
  useUp
} from "../streams/bodies.ts"
export {
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
