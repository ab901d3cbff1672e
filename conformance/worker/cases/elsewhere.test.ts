import { describe, expect, it } from "vitest"
import { bench, targetOf } from "../testing/bench.ts"
import { elsewhereCases } from "./elsewhere.ts"

const READY = '{"id":"","type":"ready","payload":{"protocol":"1.1","features":["load"]}}'
const FORKS = READY.replace('"load"', '"load","fork"')
const HELLO = '{"id":"a","type":"response","payload":{"status":200,"headers":{},"body":"aGVsbG8="}}'

/** Plays the case with a worker that is this shell script. */
const play = async (id: string, script: string): Promise<unknown> => {
  const one = elsewhereCases.find((each) => each.id === id)
  const quoted = script.replaceAll("'", `'"'"'`)
  return await one?.run(targetOf(`sh -c '${quoted}' worker`), bench().context)
}

describe("a worker that is given a descriptor", () => {
  const descriptor = (script: string) => play("worker/start/descriptor", script)
  const say = (line: string, to = "") => `echo '${line}' ${to}`

  it("speaks there both ways, or on stdin and stdout both ways", async () => {
    await descriptor(`${say(READY, ">&3")}; read line <&3; ${say(HELLO, ">&3")}`)
    await descriptor(`${say(READY)}; read line; ${say(HELLO)}`)
  })

  it.each([
    [
      "answers elsewhere",
      `${say(READY, ">&3")}; read line <&3; ${say(HELLO)}`,
      "the answer did not come on the descriptor"
    ],
    ["says nothing", "exit 0", "ready came neither on the descriptor nor on stdout"],
    [
      "answers something else",
      `${say(READY)}; read line; ${say(HELLO.replace("aGVsbG8=", ""))}`,
      "the function hello was not answered as it should on stdin and stdout"
    ]
  ])("fails where it %s", async (_what, script, words) => {
    await expect(descriptor(script)).rejects.toThrow(words)
  })
})

describe("a worker that is told to be a fork server", () => {
  const zygote = (loaded: string) => play("worker/load/zygote", `echo '${READY}'; read load; ${loaded}`)

  it("may load as always", async () => {
    const answer = `read line; echo '${HELLO}' | sed "s/\\"a\\"/$(echo "$line" | grep -o '"id":"[^"]*"' | cut -d: -f2)/"; read more`
    await zygote(`echo '${READY}'; ${answer}`)
  })

  it("fails where it says that it is one, and gives no workers", async () => {
    await expect(zygote(`echo '${FORKS}'; read more`)).rejects.toThrow(
      "ready did not come on the first worker's connection"
    )
  })
})
