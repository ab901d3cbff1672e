export { decoder, normalize } from "../encoding-legacy/legacy.ts"
