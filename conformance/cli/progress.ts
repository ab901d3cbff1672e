import type { Progress } from "../Runner.ts"
import { showMillis } from "../report/counts.ts"

/** Where progress goes: stderr, or what a test reads. */
export interface Screen {
  readonly isTerminal: boolean
  readonly columns: number
  readonly write: (text: string) => void
}

export const silentProgress: Progress = {
  started: () => {},
  began: () => {},
  ended: () => {},
  dropped: () => {}
}

/**
 * What is going on: on a terminal one line that is written over, with what has been running longest; else a line for each
 * failure and each quarter. `end` leaves the screen clean.
 */
export const showProgress = (screen: Screen): Progress & { readonly end: () => void } => {
  let all = 0
  let done = 0
  let failed = 0
  let quarter = 0
  let timer: ReturnType<typeof setInterval> | undefined
  const running = new Map<string, number>()
  const clear = () => {
    if (screen.isTerminal) screen.write("\r\u001b[2K")
  }
  const draw = () => {
    const [oldest] = running
    const doing = oldest === undefined ? "" : ` · ${oldest[0]} ${showMillis(performance.now() - oldest[1])}`
    const more = running.size > 1 ? ` and ${running.size - 1} more` : ""
    const line = `[${done}/${all}]${failed === 0 ? "" : ` ${failed} failed`}${doing}${more}`
    screen.write(`\r\u001b[2K${line.slice(0, Math.max(20, screen.columns - 1))}`)
  }
  const tellQuarter = () => {
    const now = Math.floor((done * 4) / Math.max(1, all))
    if (now === quarter) return
    quarter = now
    screen.write(`${done} of ${all} cases, ${failed} failed\n`)
  }
  return {
    started: ({ cases, target }) => {
      all = cases
      screen.write(`${target}: ${cases} ${cases === 1 ? "case" : "cases"}\n`)
      if (screen.isTerminal) {
        timer = setInterval(draw, 100)
        timer.unref()
      }
    },
    began: (id) => void running.set(id, performance.now()),
    ended: ({ id, verdict }) => {
      running.delete(id)
      done += 1
      if (verdict._tag === "Failed") {
        failed += 1
        clear()
        screen.write(`FAILED ${id}: ${verdict.message.split("\n")[0]?.slice(0, 300)}\n`)
      }
      if (!screen.isTerminal) tellQuarter()
    },
    dropped: (id) => void running.delete(id),
    end: () => {
      clearInterval(timer)
      clear()
    }
  }
}
