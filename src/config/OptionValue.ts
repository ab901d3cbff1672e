import { Duration, Redacted, Schema } from "effect"

/** The kinds of values that options take: how each is written, what it becomes, and what to say when it is wrong. */
export interface OptionValue<A> {
  readonly schema: Schema.Schema<A, string> | Schema.Schema<A, number>
  readonly type: "number" | "text"
  readonly unit?: string
  readonly isPath?: boolean
  readonly isSecret?: boolean
}

const numeric = (what: string, accepts: (value: number) => boolean) =>
  Schema.Number.annotations({ message: () => ({ message: what, override: true }) }).pipe(
    Schema.filter((value) => accepts(value) || what)
  )

/** A whole number, both ends included. */
export const whole = (least: number, most: number, unit?: string): OptionValue<number> => ({
  schema: numeric(
    `use a whole number from ${least} to ${most}`,
    (value) => Number.isInteger(value) && value >= least && value <= most
  ),
  type: "number",
  ...(unit === undefined ? {} : { unit })
})

const span = (
  unit: string,
  least: number,
  most: number,
  decode: (value: number) => Duration.Duration,
  encode: (value: Duration.Duration) => number
): OptionValue<Duration.Duration> => ({
  schema: Schema.transform(
    numeric(`use a number of ${unit} from ${least} to ${most}`, (value) => value >= least && value <= most),
    Schema.DurationFromSelf,
    { strict: true, decode, encode }
  ),
  type: "number",
  unit
})

export const seconds = (least: number, most: number): OptionValue<Duration.Duration> =>
  span("seconds", least, most, Duration.seconds, Duration.toSeconds)

export const milliseconds = (least: number, most: number): OptionValue<Duration.Duration> =>
  span("milliseconds", least, most, Duration.millis, Duration.toMillis)

const text = (message: string) => Schema.String.annotations({ message: () => ({ message, override: true }) })

/** A path of a file or folder. The shell expands `~` in flags only; taking it literally would make a folder called "~". */
export const path: OptionValue<string> = {
  schema: text("use a path").pipe(
    Schema.filter((value) => {
      if (value === "") return "use a path; it is empty"
      if (value.includes("\0")) return "use a path without NUL characters"
      if (value === "~" || value.startsWith("~/"))
        return "write the home folder out; '~' is not expanded here"
      return true
    })
  ),
  type: "text",
  isPath: true
}

export const choice = <const Values extends readonly [string, ...Array<string>]>(
  values: Values
): OptionValue<Values[number]> => ({
  schema: Schema.Literal(...values).annotations({
    message: () => ({ message: `use one of ${values.join(", ")}`, override: true })
  }),
  type: "text"
})

const hostMessage =
  "use an IP address or a host name, without port or brackets, such as 127.0.0.1, ::1 or localhost"

export const host: OptionValue<string> = {
  schema: text(hostMessage).pipe(
    Schema.filter((value) => isIpv6(value) || isIpv4(value) || isHostName(value) || hostMessage)
  ),
  type: "text"
}

const isIpv6 = (value: string) => value.includes(":") && URL.canParse(`http://[${value}]/`)
const isIpv4 = (value: string) =>
  /^\d{1,3}(\.\d{1,3}){3}$/.test(value) && value.split(".").every((part) => Number(part) <= 255)
// What consists of digits and dots alone is a broken address, not a name.
const isHostName = (value: string) =>
  value.length <= 253 &&
  !/^[\d.]+$/.test(value) &&
  /^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?(\.[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?)*$/i.test(value)

/** Whether only programs of this machine can reach the address. */
export const isLoopback = (address: string): boolean =>
  address.toLowerCase() === "localhost" ||
  (isIpv4(address) && address.startsWith("127.")) ||
  (isIpv6(address) && new URL(`http://[${address}]/`).hostname === "[::1]")

const secretMessage = "use 16 to 512 printable characters without spaces; one such key: openssl rand -hex 24"

/** A key. It is compared byte by byte in a header, hence no spaces and nothing beyond ASCII. */
export const secret: OptionValue<Redacted.Redacted<string>> = {
  schema: Schema.transform(
    text(secretMessage).pipe(Schema.filter((value) => /^[\x21-\x7e]{16,512}$/.test(value) || secretMessage)),
    Schema.RedactedFromSelf(Schema.String),
    { strict: true, decode: (value) => Redacted.make(value), encode: (value) => Redacted.value(value) }
  ),
  type: "text",
  isSecret: true
}
