/* Generated from src/protocol/worker/Wire.ts by native/quickjs-ng/tools/wire-constants.ts. */
#ifndef BB_WIRE_CONSTANTS_H
#define BB_WIRE_CONSTANTS_H

#define BB_PROTOCOL_VERSION "1.1"
#define BB_PROTOCOL_FD_VARIABLE "BUNBASE_PROTOCOL_FD"
/* Bytes, the newline not counted. */
#define BB_MAX_LINE_BYTES 67108864

#define BB_EXIT_LOAD 1
#define BB_EXIT_MEMORY 12
#define BB_EXIT_PROTOCOL 70

#endif
