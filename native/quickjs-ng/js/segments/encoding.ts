export { TextDecoder } from "../encoding/TextDecoder.ts"
export { TextEncoder } from "../encoding/TextEncoder.ts"
export { TextDecoderStream, TextEncoderStream } from "../encoding/streams.ts"
