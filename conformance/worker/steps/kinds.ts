import type { StepKind } from "../../data/steps.ts"
import type { CaseRoom } from "../CaseRoom.ts"
import { hearingSteps } from "./hearing.ts"
import { invoke } from "./invoke.ts"
import { speakingSteps } from "./speaking.ts"

/** Every step that a worker's case may have. */
export const workerSteps: ReadonlyArray<StepKind<CaseRoom>> = [invoke, ...speakingSteps, ...hearingSteps]
