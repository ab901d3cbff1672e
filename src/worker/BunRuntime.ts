import { fileURLToPath } from "node:url"
import { GUEST_FLAGS } from "../guest/bun/flags.ts"
import type { RuntimeCommand } from "./RuntimeCommand.ts"

const guestProgram = fileURLToPath(new URL("../guest/bun/main.ts", import.meta.url))

/** Workers on the Bun that the server itself runs on. */
export const bunRuntime: RuntimeCommand = {
  runtime: "bun",
  transport: "descriptor",
  command: (target) => [
    process.execPath,
    ...GUEST_FLAGS,
    guestProgram,
    "--bundle",
    target.bundlePath,
    "--handler",
    target.handler
  ]
}
