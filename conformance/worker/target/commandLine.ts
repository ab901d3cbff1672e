/** What a worker is started with; null: without a bundle, to be given one by `load`. */
export interface Bundle {
  /** Absolute. */
  readonly path: string
  readonly handler: string | null
}

/** A word that the shell takes as it is. */
const quoted = (word: string): string => `'${word.replaceAll("'", "'\\''")}'`

/**
 * The user's command for one start: `{bundle}` and `{handler}` are filled in (empty where there is none); a command without
 * `{bundle}` has ` --bundle PATH`, and ` --handler NAME` where one is named, appended.
 */
export const commandLine = (command: string, bundle: Bundle | null): string => {
  const handler = bundle?.handler ?? null
  if (command.includes("{bundle}")) {
    return command
      .replaceAll("{bundle}", () => quoted(bundle?.path ?? ""))
      .replaceAll("{handler}", () => quoted(handler ?? ""))
  }
  const named = command.includes("{handler}")
  const base = command.replaceAll("{handler}", () => quoted(handler ?? ""))
  if (bundle === null) return base
  const more = handler === null || named ? "" : ` --handler ${quoted(handler)}`
  return `${base} --bundle ${quoted(bundle.path)}${more}`
}
