/** Programs that a server suite may be given by mistake: `fakeServer.ts MODE PORT`. */
import { createServer } from "node:net"
import { createServer as createHttpServer } from "node:http"

const [mode = "", port = ""] = process.argv.slice(2)

const modes: Readonly<Record<string, () => void>> = {
  /** Ends after a while, with a word. */
  dies: () => {
    process.stderr.write("out of luck\n")
    setTimeout(() => process.exit(3), 50)
  },
  /** Lives, and listens nowhere. */
  absent: () => void setInterval(() => {}, 1_000),
  /** Takes connections and says nothing. */
  hangs: () => void createServer(() => {}).listen(Number(port), "127.0.0.1"),
  /** Greets its clients by another protocol. */
  greets: () =>
    void createServer((socket) => socket.end("220 mail.example ready\r\n")).listen(Number(port), "127.0.0.1"),
  /** Another HTTP server. */
  web: () =>
    void createHttpServer((_request, response) => {
      response.statusCode = 404
      response.end("no such page")
    }).listen(Number(port), "127.0.0.1"),
  /** Ready; ends when it is asked anything else, in the way that the path says. */
  fickle: () =>
    void createHttpServer(({ url = "" }, response) => {
      if (url === "/ready") return response.end('{"ready":true,"runtimes":{"bun":{"available":true}}}')
      if (url === "/floods") return Bun.spawn(["yes"], { stdout: "inherit" }).unref()
      process.stderr.write("out of luck\n")
      return process.exit(3)
    }).listen(Number(port), "127.0.0.1"),
  /** Prints without end, and so does a child of its. */
  floods: () => {
    Bun.spawn(["yes", "y".repeat(5_000)], { stdout: "inherit" })
    const line = `${"x".repeat(5_000)}\n`.repeat(10)
    const print = () => void process.stderr.write(line, print)
    print()
  },
  /** Never gets ready. */
  starting: () =>
    void createHttpServer((_request, response) => {
      response.statusCode = 503
      response.end('{"ready":false,"state":"starting"}')
    }).listen(Number(port), "127.0.0.1"),
  /** Ready, with a runtime that does not work, and a child that would outlive it. */
  crippled: () => {
    Bun.spawn(["sleep", "61"])
    createHttpServer((_request, response) => {
      response.end('{"ready":true,"runtimes":{"bun":{"available":false,"reason":"it was eaten"}}}')
    }).listen(Number(port), "127.0.0.1")
  }
}

modes[mode]?.()
