import { join } from "node:path"
import type { FunctionId, VersionLabel } from "../domain/Ids.ts"

/** Where a version's bundle lies, counted from the bundle folder; both parts are checked names, hence one folder each. */
export const versionFolder = (functionId: FunctionId, version: VersionLabel): string =>
  join(functionId, version)

export const bundlePath = (functionId: FunctionId, version: VersionLabel): string =>
  join(versionFolder(functionId, version), "bundle.js")
