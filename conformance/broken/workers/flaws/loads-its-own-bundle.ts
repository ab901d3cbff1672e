import type { Flaw } from "../Flaw.ts"

/** Whatever the bundle is called, it loads the `hello` beside it. */
export default { bundle: (path) => path.replace(/[^/]*$/, "hello.js") } satisfies Flaw
