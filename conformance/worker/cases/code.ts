import type { Case } from "../../model/Case.ts"
import type { WorkerTarget } from "../WorkerTarget.ts"

/** Cases that data cannot say. */
export const codeCases: ReadonlyArray<Case<WorkerTarget>> = []
