/** How the harness starts a program of its own: on the same Bun, with nothing from the caller's folder. */
export const bunProgram = (path: string, ...args: ReadonlyArray<string>): Array<string> => [
  process.execPath,
  "--no-env-file",
  "--no-install",
  "--config=/dev/null",
  path,
  ...args
]
