import { hosts } from "../hosts/flaws.ts"
import type { Flaw } from "./Flaw.ts"
import { answers } from "./flaws/answers.ts"
import { capabilities } from "./flaws/capabilities.ts"
import { connections } from "./flaws/connections.ts"
import { files } from "./flaws/files.ts"
import { frames } from "./flaws/frames.ts"
import { heads } from "./flaws/heads.ts"
import { errors, http } from "./flaws/http.ts"
import { guarantees } from "./flaws/guarantees.ts"
import { invokes } from "./flaws/invokes.ts"
import { lifecycle } from "./flaws/lifecycle.ts"
import { management } from "./flaws/management.ts"
import { mapping } from "./flaws/mapping.ts"
import { recycling } from "./flaws/recycling.ts"

/** Everything that a broken server can do wrong, by name. */
export const flaws: Readonly<Record<string, Flaw>> = {
  ...files,
  ...frames,
  ...connections,
  ...invokes,
  ...answers,
  ...management,
  ...http,
  ...heads,
  ...errors,
  ...mapping,
  ...guarantees,
  ...lifecycle,
  ...recycling,
  ...capabilities,
  ...hosts
}
