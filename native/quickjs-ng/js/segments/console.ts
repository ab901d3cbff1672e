export { console } from "../console/console.ts"
export { inspect } from "../console/inspect.ts"
