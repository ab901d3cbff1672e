/**
 * What every promise is measured against: the least that Bun's own HTTP server can do. Started as a process of its own
 * with `hello` or `echo`; tells its parent the port, and ends with it.
 */
const handlers: Readonly<Record<string, (request: Request) => Response | Promise<Response>>> = {
  hello: () => new Response("ok"),
  echo: async (request) => new Response(await request.arrayBuffer())
}

const fetch = handlers[process.argv[2] ?? ""]
if (fetch === undefined) throw new Error("say hello or echo")

const server = Bun.serve({ hostname: "127.0.0.1", port: 0, fetch })
process.send?.({ port: server.port })
process.on("disconnect", () => process.exit(0))
