/* Generated from src/protocol/worker/Wire.ts by native/quickjs-ng/tools/wire-constants.ts. */
#ifndef BB_WIRE_CONSTANTS_H
#define BB_WIRE_CONSTANTS_H

#define BB_PROTOCOL_VERSION "1.1"
#define BB_PROTOCOL_FD_VARIABLE "BUNBASE_PROTOCOL_FD"
/* Bytes, the newline not counted. */
#define BB_MAX_LINE_BYTES 67108864

#define BB_FEATURE_CONCURRENCY "concurrency"
#define BB_FEATURE_CANCEL "cancel"
#define BB_FEATURE_STREAM "stream"
#define BB_FEATURE_PING "ping"
#define BB_FEATURE_LOAD "load"
#define BB_FEATURE_CALL "call"
#define BB_FEATURE_FORK "fork"

#define BB_ERROR_HANDLER_ERROR "HANDLER_ERROR"
#define BB_ERROR_INVALID_RESPONSE "INVALID_RESPONSE"
#define BB_ERROR_RESPONSE_TOO_LARGE "RESPONSE_TOO_LARGE"
#define BB_ERROR_BUNDLE_LOAD_ERROR "BUNDLE_LOAD_ERROR"
#define BB_ERROR_NO_HANDLER "NO_HANDLER"
#define BB_ERROR_PERMISSION_DENIED "PERMISSION_DENIED"
#define BB_ERROR_OUT_OF_MEMORY "OUT_OF_MEMORY"
#define BB_ERROR_CANCELLED "CANCELLED"

#define BB_LEVEL_DEBUG "debug"
#define BB_LEVEL_INFO "info"
#define BB_LEVEL_WARN "warn"
#define BB_LEVEL_ERROR "error"

#endif
