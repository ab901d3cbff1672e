import {
  ERROR_CODES,
  EXIT_CODES,
  FEATURES,
  HEADER_ROOM,
  LOG_LEVELS,
  MAX_BODY_BYTES,
  MAX_LINE_BYTES,
  PROTOCOL_FD_VARIABLE,
  PROTOCOL_VERSION
} from "./Wire.ts"

const origin = "Generated from src/protocol/worker/Wire.ts by native/quickjs-ng/tools/wire-constants.ts."

const macro = (name: string, value: string | number): string =>
  `#define BB_${name} ${typeof value === "string" ? JSON.stringify(value) : value}\n`

const exits = Object.entries(EXIT_CODES)

/** What the native worker's C needs of the protocol (`native/quickjs-ng/src/wire_constants.h`). */
export const wireHeader = (): string =>
  `/* ${origin} */
#ifndef BB_WIRE_CONSTANTS_H
#define BB_WIRE_CONSTANTS_H

${macro("PROTOCOL_VERSION", PROTOCOL_VERSION)}${macro("PROTOCOL_FD_VARIABLE", PROTOCOL_FD_VARIABLE)}/* Bytes, the newline not counted. */
${macro("MAX_LINE_BYTES", MAX_LINE_BYTES)}
${exits.map(([name, code]) => macro(`EXIT_${name.toUpperCase()}`, code)).join("")}
#endif
`

/** As the formatter has it: longer lists one a line. */
const union = (words: ReadonlyArray<string>): string => {
  const quoted = words.map((word) => JSON.stringify(word))
  const line = ` ${quoted.join(" | ")}`
  return line.length <= 85 ? line : quoted.map((word) => `\n  | ${word}`).join("")
}

/** What its TypeScript needs (`native/quickjs-ng/js/wire/constants.ts`). */
export const wireModule = (): string =>
  `/** ${origin} */

export type LogLevel =${union(LOG_LEVELS)}
export type ErrorCode =${union(ERROR_CODES)}
export type Feature =${union(FEATURES)}

/** Bytes. */
export const MAX_BODY_BYTES = ${MAX_BODY_BYTES}
/** Beside the largest body; a character of the headers' JSON counts one and a half. */
export const HEADER_ROOM = ${HEADER_ROOM}
export const EXIT = { ${exits.map(([name, code]) => `${name}: ${code}`).join(", ")} } as const
`
