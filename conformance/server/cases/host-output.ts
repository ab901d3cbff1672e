import { check, holds } from "../check.ts"
import { casesOf } from "../define.ts"
import { scripted } from "../scripted/scripted.ts"
import { goesOn, isReplaced } from "./hostSupport.ts"

/** What a host sends to its workers, and what it makes of workers that do not keep to the protocol. */
const cases = casesOf("host", ["scripted-worker", "http"])

cases.add("stderr", "What a worker writes on its stderr is no message", ["WP-009"], {}, async (bench) => {
  const made = await scripted(
    bench,
    (worker) => {
      worker.on("invoke", ({ id, payload }) => {
        const line = JSON.stringify({ id, type: "response", payload: { status: 500, headers: {}, body: "" } })
        if (payload["path"] === "/do") process.stderr.write(`${line}\n`)
        setTimeout(() => worker.respond(id, String(worker.pid)), payload["path"] === "/do" ? 50 : 0)
      })
    },
    {}
  )
  await goesOn(made)
})

cases.add("torn-messages", "Messages may come in any pieces", ["WP-013"], {}, async (bench) => {
  const { fn } = await scripted(
    bench,
    (worker) => {
      worker.on("invoke", ({ id, payload }) => {
        const body = Buffer.from("zwölf € 𝄞").toString("base64")
        const line = JSON.stringify({
          id,
          type: "response",
          payload: { status: 200, headers: { "x-a": "ü" }, body }
        })
        const log = JSON.stringify({ id, type: "log", payload: { level: "info", message: "€ 𝄞" } })
        const bytes = Buffer.from(`${log}\n${line}\n${payload["path"] === "/more" ? log : ""}`)
        const step = payload["path"] === "/bytes" ? 1 : 7
        const next = (at: number): void => {
          worker.raw(bytes.subarray(at, at + step))
          if (at + step < bytes.length) setTimeout(() => next(at + step), 0)
          else if (payload["path"] === "/more") worker.raw("\n")
        }
        next(0)
      })
    },
    {}
  )
  for (const path of ["/bytes", "/sevens", "/more", "/bytes"]) {
    check(path, { status: 200, text: "zwölf € 𝄞" }, await fn.call(path))
  }
})

cases.add(
  "endless-line",
  "A worker that writes a line without an end is used no more",
  ["WP-017"],
  { alone: true },
  async (bench) => {
    const made = await scripted(
      bench,
      (worker) => {
        worker.on("invoke", ({ id, payload }) => {
          if (payload["path"] === "/do") {
            worker.raw(new Uint8Array(64 * 1024 * 1024 + 1).fill(97))
            worker.raw("\n")
          }
          worker.respond(id, String(worker.pid))
        })
      },
      {}
    )
    await isReplaced(made)
  }
)

cases.add("stray-output", "Lines that are no messages harm nobody", ["WP-022"], {}, async (bench) => {
  const made = await scripted(
    bench,
    (worker) => {
      worker.on("invoke", ({ id, payload }) => {
        if (payload["path"] === "/do") {
          worker.raw("plain words\n\n[1]\n7\nnull\n{}\n")
          worker.raw(
            `{"id":7,"type":"response","payload":{}}\n{"id":"${id}","payload":{}}\n{"id":"${id}","type":1}\n`
          )
          worker.raw(Buffer.from([0x22, 0xff, 0xfe, 0x22, 10]))
          worker.raw('{"id":"","type":"log"\n')
        }
        worker.respond(id, String(worker.pid))
      })
    },
    {}
  )
  await goesOn(made)
})

cases.add(
  "stray-output-kept",
  "Stray output is kept in the function's log, so many lines of it",
  ["WP-023"],
  { traits: ["logs"] },
  async (bench) => {
    const made = await scripted(
      bench,
      (worker) => {
        worker.on("invoke", ({ id, payload }) => {
          if (payload["path"] === "/do")
            for (let line = 0; line < 5_000; line += 1) worker.raw(`stray ${line}\n`)
          worker.respond(id, String(worker.pid))
        })
      },
      {}
    )
    await goesOn(made)
    const { door, name } = made.fn
    const lines = () =>
      door.logs().filter((line) => line["function"] === name && /^stray \d+$/.test(String(line["message"])))
    await door.until("stray output in the log", () => (lines().length > 0 ? true : null))
    holds("stray output goes on being kept", lines().length < 5_000, lines().length)
  }
)

cases.add(
  "crowded-line",
  "A crowded line harms nobody else, whatever it is taken for",
  ["WP-024"],
  {},
  async (bench) => {
    const { fn } = await scripted(
      bench,
      (worker) => {
        worker.on("invoke", ({ id, payload }) => {
          if (payload["path"] === "/do")
            worker.raw(`{"id":"","type":"weather","payload":{"a":[${"[],".repeat(60_000)}0]}}\n`)
          worker.respond(id, String(worker.pid))
        })
      },
      {}
    )
    await fn.call("/do")
    check("the next invocation", 200, (await fn.call("/")).status)
  }
)

cases.add("unknown-types", "Messages of unknown types are ignored", ["WP-033"], {}, async (bench) => {
  const made = await scripted(
    bench,
    (worker) => {
      worker.on("invoke", ({ id, payload }) => {
        if (payload["path"] === "/do") {
          worker.send(id, "weather", { sunny: true })
          worker.send("", "", {})
        }
        worker.respond(id, String(worker.pid))
      })
    },
    {}
  )
  await goesOn(made)
})

cases.add("stray-pongs", "Pongs that nobody waits for are ignored", ["WP-136"], {}, async (bench) => {
  const made = await scripted(
    bench,
    (worker) => {
      worker.on("invoke", ({ id, payload }) => {
        if (payload["path"] === "/do") {
          worker.send("nobody", "pong", {})
          worker.send(id, "pong", {})
        }
        worker.respond(id, String(worker.pid))
      })
    },
    {}
  )
  await goesOn(made)
})

cases.add(
  "unknown-fields",
  "Unknown fields of messages and of their payloads are ignored",
  ["WP-035"],
  {},
  async (bench) => {
    const made = await scripted(
      bench,
      (worker) => {
        worker.on("invoke", ({ id, payload }) => {
          if (payload["path"] !== "/do") return worker.respond(id, String(worker.pid))
          worker.raw(
            `${JSON.stringify({ id, type: "log", colour: "red", payload: { level: "info", message: "x", shape: [1] } })}\n`
          )
          const body = Buffer.from(String(worker.pid)).toString("base64")
          worker.raw(
            `${JSON.stringify({ v: 2, id, type: "response", payload: { status: 200, headers: {}, body, trailers: { a: "b" } } })}\n`
          )
        })
      },
      {}
    )
    await goesOn(made)
  }
)

/** Payloads that are not of their type's form. */
const MALFORMED: Readonly<Record<string, readonly [type: string, payload: object]>> = {
  "status-text": ["response", { status: "200", headers: {}, body: "" }],
  "status-low": ["response", { status: 99, headers: {}, body: "" }],
  "no-status": ["response", { headers: {}, body: "" }],
  "header-number": ["response", { status: 200, headers: { a: 1 }, body: "" }],
  "body-number": ["response", { status: 200, headers: {}, body: 7 }],
  "body-not-base64": ["response", { status: 200, headers: {}, body: "%%%" }],
  "body-half-base64": ["response", { status: 200, headers: {}, body: "aGVsbG8" }],
  "error-without-code": ["error", { message: "x" }],
  "log-level": ["log", { level: "loud", message: "x" }],
  "log-message": ["log", { level: "info", message: 7 }],
  "call-without-id": ["call", { name: "fetch" }]
}

for (const [name, [type, payload]] of Object.entries(MALFORMED)) {
  cases.add(
    `malformed-${name}`,
    `A worker whose ${type} is malformed is used no more (${name})`,
    ["WP-037", "WP-173"],
    {},
    async (bench) => {
      const made = await scripted(
        bench,
        (worker, args) => {
          worker.on("invoke", ({ id, payload: given }) => {
            if (given["path"] === "/do") worker.send(id, args.type, args.payload)
            // after the malformed one too: a host that passes over that has an answer
            worker.respond(id, String(worker.pid))
          })
        },
        { type, payload }
      )
      await isReplaced(made)
    }
  )
}

export const hostOutputCases = cases.all
