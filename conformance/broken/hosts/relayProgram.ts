import { chmodSync, writeFileSync } from "node:fs"
import { fileURLToPath } from "node:url"

const RELAY = fileURLToPath(new URL("relay.ts", import.meta.url))

/**
 * Writes a program that a server can start like a worker's. It hands all to the broken host at this socket; null: to the one
 * that the function names.
 */
export const writeRelay = (path: string, socket: string | null): void => {
  const words = [process.execPath, "--no-env-file", "--no-install", "--config=/dev/null", RELAY]
  const command = [...words, socket ?? "-"].map((word) => `'${word}'`).join(" ")
  writeFileSync(path, `#!/bin/sh\nexec ${command} "$@"\n`)
  chmodSync(path, 0o755)
}
