import type { Command, Flag } from "./parseFlags.ts"

const filters: ReadonlyArray<Flag> = [
  {
    name: "id",
    value: "GLOB,…",
    list: true,
    description: "Cases or requirements, by id; * stands for anything."
  },
  {
    name: "area",
    value: "AREA,…",
    list: true,
    description: "Areas of the specification (worker-protocol, or WP) or of cases (invoke)."
  },
  {
    name: "level",
    value: "LEVEL,…",
    list: true,
    choices: ["MUST", "SHOULD", "MAY"],
    description: "How binding it is."
  }
]

const reports: ReadonlyArray<Flag> = [
  { name: "junit", value: "FILE", description: "Write JUnit XML." },
  { name: "html", value: "FILE", description: "Write one HTML page, which needs nothing else." }
]

const QUIET: Flag = {
  name: "quiet",
  value: null,
  description: "No progress; print only what failed and the figures."
}

const results: ReadonlyArray<Flag> = [
  { name: "name", value: "COLUMN", description: "The target's heading in reports." },
  { name: "json", value: "FILE", description: "Write the result, which `report` reads." },
  ...reports,
  QUIET
]

const SEED_AND_BOUNDS: ReadonlyArray<Flag> = [
  {
    name: "seed",
    value: "N",
    description: "For everything random; printed by each run.",
    fallback: "chosen anew"
  },
  { name: "jobs", value: "N", description: "Cases at a time.", fallback: "the number of cores" },
  {
    name: "timeout-factor",
    value: "X",
    description: "Multiplies every bound, for slow machines.",
    fallback: "1"
  }
]

const run: ReadonlyArray<Flag> = [
  ...filters,
  { name: "cases", value: "FILE,…", list: true, description: "More case files." },
  ...SEED_AND_BOUNDS,
  {
    name: "property-runs",
    value: "N",
    description: "Runs of each property.",
    fallback: "what each has by itself"
  },
  ...results
]

const FUNCTIONS: Flag = {
  name: "functions",
  value: "DIR",
  description: "The fixture functions; a port of them for other languages.",
  fallback: "those of the suite, in JavaScript"
}

export const worker: Command = {
  name: "worker",
  summary: "test a worker: a program that runs one function and speaks on its stdin and stdout",
  details: [
    "The command gets `--bundle PATH` and, where one is wanted, `--handler NAME` at its end; or it has the placeholders " +
      "{bundle} and {handler} where they belong. It is run by /bin/sh in a process group of its own, which is killed at the end."
  ],
  files: null,
  flags: [
    { name: "cmd", value: "COMMAND", description: "Starts a worker. Required." },
    {
      name: "runtime",
      value: "NAME",
      choices: ["bun", "quickjs-ng", "other"],
      description: "What runs the functions.",
      fallback: "other"
    },
    {
      name: "javascript",
      value: null,
      description:
        "Functions are in JavaScript, on `other` too, which else is held to nothing that is about JavaScript."
    },
    FUNCTIONS,
    { name: "extension", value: "EXT", description: "Of the fixture functions' files.", fallback: "js" },
    {
      name: "protocol",
      value: "VERSION",
      choices: ["1.0", "1.1"],
      description: "The newest version that the worker is offered.",
      fallback: "1.1"
    },
    {
      name: "features",
      value: "NAME,…",
      list: true,
      description: "What the worker has to announce; without it, what it does announce is tested."
    },
    ...run
  ],
  examples: [
    'bunbase conformance worker --cmd "python3 worker.py" --functions ./functions --extension py --protocol 1.0',
    'bunbase conformance worker --cmd "./engine worker.js" --javascript',
    'bunbase conformance worker --cmd "./worker" --id WP-012 --html report.html'
  ]
}

/** Of servers. */
const target: ReadonlyArray<Flag> = [
  { name: "cmd", value: "COMMAND", description: "Starts a server in the foreground." },
  {
    name: "scripted-worker",
    value: "FLAGS",
    description:
      "What to add to the command, with {worker}, so that the server starts workers of the suite's own."
  },
  { name: "url", value: "URL", description: "The address of a server that runs." },
  { name: "socket", value: "PATH", description: "The Unix socket of a server that runs." },
  { name: "api-key", value: "KEY", description: "For the management API of a server that runs." }
]

const TARGET_OPTIONS: ReadonlyArray<Flag> = [
  {
    name: "runtimes",
    value: "NAME,…",
    list: true,
    choices: ["bun", "quickjs-ng"],
    description: "The runtimes that the server is tested with.",
    fallback: "bun,quickjs-ng"
  },
  FUNCTIONS
]

export const server: Command = {
  name: "server",
  summary: "test a server by HTTP and by its socket: one that the suite starts, or one that runs",
  details: [
    "The command has the placeholders {data}, {socket} and {port}. With --url and --socket a server is tested that runs " +
      "already; what would end it or needs a fresh one is not tested then. It registers functions of its own names.",
    "A MUST that these flags keep from being checked makes the run red, unless --partial says that this is meant. To check all, " +
      "give --cmd and --scripted-worker."
  ],
  files: null,
  flags: [
    ...target,
    ...TARGET_OPTIONS,
    {
      name: "partial",
      value: null,
      description: "Not all is to be checked: MUSTs that these flags leave unchecked make the run not red."
    },
    ...run
  ],
  examples: [
    'bunbase conformance server --cmd "./server {data} {socket} {port}" --scripted-worker "--worker {worker}"',
    "bunbase conformance server --url http://127.0.0.1:8080 --socket /tmp/functions.sock --partial"
  ]
}

export const faults: Command = {
  name: "faults",
  summary: "play named faults against a server, and say what it does and what it promises",
  details: [
    "With --cmd each fault has a server of its own, which may be killed. With --url and --socket faults are played against a " +
      "server that runs; only with --pid are signals sent, to that process and to what it has started. Nothing else is touched.",
    "A fault that needs what is not there on this machine (a mount, a C compiler) fails, and says so."
  ],
  files: null,
  flags: [
    { name: "list", value: null, description: "Show the faults, what each promises, and what it needs." },
    { name: "run", value: "NAME,…", list: true, description: "The faults that are played, or all." },
    ...target,
    {
      name: "pid",
      value: "NUMBER",
      description: "The process of a server that runs, if it may be sent signals."
    },
    ...TARGET_OPTIONS,
    ...SEED_AND_BOUNDS,
    ...results
  ],
  examples: [
    "bunbase conformance faults --list",
    'bunbase conformance faults --run all --cmd "bunbase serve --data-dir {data} --socket {socket} --http-port {port}"',
    "bunbase conformance faults --run slow-reader,client-gone --url http://127.0.0.1:8080 --socket /tmp/functions.sock"
  ]
}

export const report: Command = {
  name: "report",
  summary: "put the results of several runs (--json) side by side",
  details: ["Ends with 1 where one of the runs was not green."],
  files: "FILE…",
  flags: [...reports, QUIET],
  examples: [
    "bunbase conformance report bun.json quickjs.json server.json --html report.html --junit report.xml"
  ]
}

export const list: Command = {
  name: "list",
  summary: "show the requirements, and the cases and faults that are about each",
  details: [],
  files: null,
  flags: filters,
  examples: ["bunbase conformance list --area worker-protocol --level MUST"]
}

export const broken: Command = {
  name: "broken",
  summary: "test the suite itself: each broken target of its own has to turn red",
  details: [
    "The targets and what each has to turn red are in conformance/broken/table.yaml; sound ones have to be green in the whole " +
      "suite. Ends with 1 where one is not as the table says, or where a MUST of the worker or socket protocol has no broken " +
      "target."
  ],
  files: null,
  flags: [
    { name: "kind", value: "KIND", choices: ["worker", "server"], description: "Targets of this kind only." },
    { name: "only", value: "NAME,…", list: true, description: "Targets of these names only." },
    {
      name: "except",
      value: "NAME,…",
      list: true,
      description: "Not the targets of these names: sound-server takes as long as all others together."
    },
    { name: "seed", value: "N", description: "For everything random.", fallback: "chosen anew" },
    { name: "jobs", value: "N", description: "Targets at a time.", fallback: "four for each core" },
    {
      name: "timeout-factor",
      value: "X",
      description: "Multiplies every bound, for slow machines.",
      fallback: "1"
    },
    { name: "quiet", value: null, description: "Print only what is wrong and the figures." }
  ],
  examples: [
    "bunbase conformance broken --kind worker",
    "bunbase conformance broken --only answers-twice",
    "bunbase conformance broken --except sound-server"
  ]
}

export const commands: ReadonlyArray<Command> = [worker, server, faults, report, list, broken]
