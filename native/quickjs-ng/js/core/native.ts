import given from "bunbase:native"
import type { Native } from "../native.ts"

export const native: Native = given
