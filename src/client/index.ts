/**
 * The client library: one interface, two ways to the service.
 *
 * ```ts
 * const client = await connectSocket("/tmp/functions.sock")
 * const answer = await client.invoke("hello-world", { query: { name: "Ada" } })
 * console.log(answer.status, answer.text())
 * await client.close()
 * ```
 */
export { ConnectionError, FunctionsError, ProtocolError } from "./ClientErrors.ts"
export type {
  CallOptions,
  DeployInput,
  FunctionsClient,
  HeaderInput,
  InvokeRequest,
  InvokeResult,
  PingResult,
  RegisterInput,
  RollbackInput
} from "./FunctionsClient.ts"
export { connectHttp, type HttpOptions } from "./HttpClient.ts"
export { socketPathTooLong } from "../protocol/socket/SocketPath.ts"
export { connectSocket, type SocketOptions } from "./SocketClient.ts"
export type {
  DeploymentView,
  FunctionDeletion,
  FunctionView,
  QuarantineView,
  ResetView,
  RollbackView,
  VersionDeletion,
  VersionView
} from "../protocol/Management.ts"
