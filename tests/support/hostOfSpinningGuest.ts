/**
 * A host for one test: starts a guest whose function never gives the thread back, prints the guest's process id once it
 * spins, and waits to be killed. The guest has this process's standard output: it ends when both of them have.
 */
const [bundle, ...command] = process.argv.slice(2) as [string, ...Array<string>]
const child = Bun.spawn([...command, "--bundle", bundle], {
  stdio: ["ignore", "inherit", "inherit", "pipe"],
  env: { BUNBASE_PROTOCOL_FD: "3", BUNBASE_HOST_PID: String(process.pid) }
})
const invoke = {
  id: "i",
  type: "invoke",
  payload: { method: "GET", path: "/", headers: {}, query: {}, body: "" }
}
let heard = ""
const options: Bun.FdSocketOptions = {
  fd: child.stdio[3] as number,
  socket: {
    data(socket, chunk) {
      heard += chunk.toString()
      if (heard.includes("before the loop")) process.stdout.write(`${child.pid}\n`)
      else if (heard.endsWith("\n")) socket.write(`${JSON.stringify(invoke)}\n`)
    }
  }
}
await Bun.connect(options as Bun.FdSocketOptions & Bun.UnixSocketOptions)
