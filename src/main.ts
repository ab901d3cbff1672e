const args = process.argv.slice(2)

// Asked by scripts again and again: not worth loading the commands for.
if (args.length === 1 && (args[0] === "--version" || args[0] === "-v")) {
  const { VERSION } = await import("./domain/Product.ts")
  process.stdout.write(`${VERSION}\n`)
} else {
  const { runCli } = await import("./cli/run.ts")
  runCli(args)
}
