/**
 * Writes `src/wire_constants.h` from the words of the worker protocol:
 *
 *   bun tools/wire-constants.ts [--check]
 *
 * With --check it only says, by its exit code, whether the header is up to date.
 */
import fs from "node:fs"
import path from "node:path"
// oxlint-disable-next-line no-restricted-imports -- the one place where the native worker takes over the protocol's words
import { wireConstants } from "../../../src/protocol/worker/wireConstants.ts"

const header = path.resolve(import.meta.dirname, "../src/wire_constants.h")
if (process.argv.includes("--check")) {
  process.exit(fs.readFileSync(header, "utf8") === wireConstants() ? 0 : 1)
}
fs.writeFileSync(header, wireConstants())
