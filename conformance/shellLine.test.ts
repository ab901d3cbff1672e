import { spawn } from "node:child_process"
import { once } from "node:events"
import { describe, expect, it } from "vitest"
import { shellLine } from "./shellLine.ts"

describe("a command with its program in the shell's place", () => {
  it.each([
    ["worker --flag", "exec worker --flag"],
    ['A=1 B=\'x y\' C="$HOME/\\"a" D=a\\ b worker', 'A=1 B=\'x y\' C="$HOME/\\"a" D=a\\ b exec worker'],
    ["cd /tmp && worker", "cd /tmp && exec worker"],
    ["cd 'a && b' && A=1 worker -x ';' 2>&1", "cd 'a && b' && A=1 exec worker -x ';' 2>&1"],
    ["export A=1; worker", "export A=1; exec worker"],
    ["ulimit -n 64; . ./env && worker", "ulimit -n 64; . ./env && exec worker"],
    ["true # && {port} | more", "exec true # && {port} | more"],
    ["worker a#b", "exec worker a#b"]
  ])("%s", (command, text) => {
    expect(shellLine(command)).toEqual({ text, replacesShell: true })
  })
})

describe("a command that stays as it is", () => {
  it.each([
    "server | tee log",
    "(cd /tmp && server)",
    "{ server; }",
    "server & wait",
    "false || server",
    "exit 7",
    "cd /tmp && exec server",
    "trap 'echo over' EXIT; server",
    "for i in 1 2; do server; done",
    "if true; then server; fi",
    'server "$(pwd)"',
    "server `pwd`",
    "server;",
    "A=1",
    "server <<E\nx\nE",
    "a\nb",
    "server 'open",
    "# nothing"
  ])("%s", (command) => {
    expect(shellLine(command)).toEqual({ text: command, replacesShell: false })
  })
})

describe("what the shell makes of it", () => {
  it.each([
    ["an assignment", "A='x  y' sh -c 'echo $$ \"$A\" $PWD'", "x  y"],
    ["another folder", "cd / && sh -c 'echo $$ $PWD'", "/"],
    ["both", "cd /; A=1; B=2 sh -c 'echo $$ $B $PWD'", "2 /"]
  ])("%s: the program has the shell's number, and what it was given", async (_, command, words) => {
    const child = spawn("/bin/sh", ["-c", shellLine(command).text], { stdio: ["ignore", "pipe", "inherit"] })
    let said = ""
    child.stdout.on("data", (chunk: Buffer) => (said += chunk.toString()))
    await once(child, "close")
    const [pid, ...rest] = said.trim().split(" ")
    expect(Number(pid)).toBe(child.pid)
    expect(rest.join(" ")).toContain(words)
  })
})
