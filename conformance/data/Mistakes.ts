/** Where something stands in a case file. Lines and columns count from 1. */
export interface Place {
  readonly file: string
  readonly line: number
  readonly column: number
}

export const showPlace = ({ file, line, column }: Place): string => `${file}:${line}:${column}`

/** What is wrong with a value, by the way to it: `["steps", 0, "send"]`. */
export interface Mistake {
  readonly path: ReadonlyArray<PropertyKey>
  readonly message: string
}

/** Case files that cannot be used: exit code 2. Everything that is wrong with all of them, a line each, with its place. */
export class CaseFileErrors extends Error {
  override readonly name = "CaseFileErrors"
  readonly lines: ReadonlyArray<string>

  constructor(lines: ReadonlyArray<string>) {
    super(lines.join("\n"))
    this.lines = lines
  }
}
