import {
  ERROR_CODES,
  FEATURES,
  LOG_LEVELS,
  MAX_LINE_BYTES,
  PROTOCOL_FD_VARIABLE,
  PROTOCOL_VERSION
} from "./Wire.ts"

const macro = (name: string, value: string | number): string =>
  `#define BB_${name} ${typeof value === "string" ? JSON.stringify(value) : value}\n`

const each = (prefix: string, words: ReadonlyArray<string>): string =>
  words.map((word) => macro(`${prefix}_${word.toUpperCase()}`, word)).join("")

/** The protocol's constants as the C header of the native worker (`native/quickjs-ng/src/wire_constants.h`). */
export const wireConstants = (): string =>
  `/* Generated from src/protocol/worker/Wire.ts by native/quickjs-ng/tools/wire-constants.ts. */
#ifndef BB_WIRE_CONSTANTS_H
#define BB_WIRE_CONSTANTS_H

${macro("PROTOCOL_VERSION", PROTOCOL_VERSION)}${macro("PROTOCOL_FD_VARIABLE", PROTOCOL_FD_VARIABLE)}/* Bytes, the newline not counted. */
${macro("MAX_LINE_BYTES", MAX_LINE_BYTES)}
${each("FEATURE", FEATURES)}
${each("ERROR", ERROR_CODES)}
${each("LEVEL", LOG_LEVELS)}
#endif
`
