import { describe, expect, it } from "vitest"
import { fieldLabel, withFlags } from "./flagWords.ts"

describe("withFlags", () => {
  it.each([
    ["set another data_dir for this one", "set another --data-dir for this one"],
    ["at most 5 workers in all (max_workers_total)", "at most 5 workers in all (--max-workers-total)"],
    ["raise timeout_seconds; or max_workers.", "raise --timeout-seconds; or --max-workers."],
    ['/srv/data_dir/x, data_dir/y, "max_workers" and max_workers.ts', null],
    ["--max-workers, api_key, no_such_option", null]
  ])("%s", (text, expected) => {
    expect(withFlags(text)).toBe(expected ?? text)
  })
})

describe("fieldLabel", () => {
  it.each([
    ["name", "NAME"],
    ["memory_mb", "--memory-mb"],
    ["idle_timeout_seconds", "--idle-timeout-seconds"],
    ["capabilities.domains.0", "--profile"],
    ["env.A.B", "--env A.B"],
    ["headers.x", "--header x"],
    ["runtime", "--runtime"],
    ["bundle", "bundle"]
  ])("%s is typed %s", (field, typed) => {
    expect(fieldLabel(field)).toBe(typed)
  })
})
