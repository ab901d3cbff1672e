import { cpus, loadavg, platform, release, totalmem } from "node:os"

/** What a figure was measured on: without it, it means nothing. */
export interface Machine {
  readonly cpu: string
  readonly cores: number
  readonly memoryMb: number
  readonly kernel: string
  readonly bun: string
  /** Runnable processes on average over the minute before the run. */
  readonly loadBefore: number
}

export const describeMachine = (): Machine => ({
  cpu: cpus()[0]?.model ?? "unknown CPU",
  cores: cpus().length,
  memoryMb: Math.round(totalmem() / 1024 / 1024),
  kernel: `${platform()} ${release()}`,
  bun: Bun.version,
  loadBefore: loadavg()[0] ?? 0
})

/** Others need the machine too: then the figures are not to be trusted. */
export const isBusy = ({ cores, loadBefore }: Machine): boolean => loadBefore > cores / 2

export const machineLine = (machine: Machine): string =>
  `${machine.cpu}, ${machine.cores} cores, ${machine.memoryMb} MiB, ${machine.kernel}, Bun ${machine.bun}, ` +
  `load ${machine.loadBefore.toFixed(2)}`
