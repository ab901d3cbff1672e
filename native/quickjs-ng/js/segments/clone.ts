export { structuredClone } from "../clone/structuredClone.ts"
