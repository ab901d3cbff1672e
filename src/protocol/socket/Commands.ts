/** The socket protocol's commands: the byte that a request bears. */
export const Command = {
  INVOKE: 0x01,
  GET_LOGS: 0x02,
  GET_METRICS: 0x03,
  REGISTER_FUNCTION: 0x04,
  DEPLOY_FUNCTION: 0x05,
  GET_FUNCTION_VERSIONS: 0x06,
  WARMUP_FUNCTION: 0x07,
  DELETE_FUNCTION: 0x08,
  DELETE_VERSION: 0x09,
  ROLLBACK_FUNCTION: 0x0a,
  SET_ENV: 0x0b,
  LIST_ENV: 0x0c,
  DELETE_ENV: 0x0d,
  LIST_FUNCTIONS: 0x0e,
  GET_FUNCTION: 0x0f,
  UPDATE_FUNCTION: 0x10,
  PING: 0x11,
  RESET_FUNCTION: 0x12
} as const
export type CommandName = keyof typeof Command

/** Answered by PING and raised with every change of this protocol. */
export const SOCKET_PROTOCOL_VERSION = "1.0"

const names: ReadonlyMap<number, CommandName> = new Map(
  Object.entries(Command).map(([name, code]) => [code, name as CommandName])
)

/** The name of a command byte, or null where it has none. */
export const commandName = (code: number): CommandName | null => names.get(code) ?? null
