import { Context, Layer } from "effect"

/**
 * Whether the service wants traffic. `starting` until stores are open and deployed functions are known, `draining` from
 * the first signal to stop until the end.
 */
export type ReadinessState = "starting" | "ready" | "draining"

/** The one cell that says so: set by the composition root and by the HTTP server's drain, shown by `GET /ready`. */
export class Readiness extends Context.Tag("Readiness")<Readiness, { state: ReadinessState }>() {}

export const layer: Layer.Layer<Readiness> = Layer.sync(Readiness, () => ({ state: "starting" as const }))
