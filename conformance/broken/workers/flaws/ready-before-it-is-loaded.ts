import type { Flaw } from "../Flaw.ts"

let said = false

/** Says ready when it begins to load. */
export default {
  begins: (worker) =>
    worker.say({ id: "", type: "ready", payload: { ...ready, features: worker.settings.features } }),
  says: (message, next) => {
    if (message.type !== "ready") return next(message)
    if (!said) next(message)
    said = true
  }
} satisfies Flaw

const ready = { protocol: "1.1", runtime: "broken", runtime_version: "1", handler: "default" }
