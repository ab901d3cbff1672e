import { writeSync } from "node:fs"

// The least that a Bun program can do: how fast it does it is what a cold start is compared with.
writeSync(1, "ok")
