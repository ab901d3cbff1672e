/**
 * Writes `src/wire_constants.h` and `js/wire/constants.ts` from the words of the worker protocol:
 *
 *   bun tools/wire-constants.ts [--check]
 *
 * With --check it only says, by its exit code, whether both are up to date.
 */
import fs from "node:fs"
import path from "node:path"
// oxlint-disable-next-line no-restricted-imports -- the one place where the native worker takes over the protocol's words
import { wireHeader, wireModule } from "../../../src/protocol/worker/wireConstants.ts"

const files = [
  ["../src/wire_constants.h", wireHeader()],
  ["../js/wire/constants.ts", wireModule()]
] as const
for (const [name, text] of files) {
  const file = path.resolve(import.meta.dirname, name)
  if (!process.argv.includes("--check")) {
    fs.mkdirSync(path.dirname(file), { recursive: true })
    fs.writeFileSync(file, text)
  } else if (!fs.existsSync(file) || fs.readFileSync(file, "utf8") !== text) process.exitCode = 1
}
