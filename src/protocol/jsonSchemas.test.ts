import { FastCheck as fc } from "effect"
import { describe, expect, it } from "vitest"
import { jsonSchemas } from "./jsonSchemas.ts"

type Json = null | boolean | number | string | ReadonlyArray<Json> | { readonly [key: string]: Json }

const isObject = (value: Json): value is { readonly [key: string]: Json } =>
  typeof value === "object" && value !== null && !Array.isArray(value)

/** Every schema within a schema, itself included. */
const parts = (value: Json): ReadonlyArray<{ readonly [key: string]: Json }> =>
  Array.isArray(value)
    ? value.flatMap(parts)
    : isObject(value)
      ? [value, ...Object.values(value).flatMap(parts)]
      : []

const all = [...jsonSchemas()].map(([name, schema]) => [name, schema as unknown as Json] as const)
const schemaOf = (name: string): string => JSON.stringify(jsonSchemas().get(name))

describe("the JSON Schemas of what goes over a wire", () => {
  it.each(all)(
    "%s: of 2020-12, with a title, references that lead somewhere, and open to new fields",
    (_name, schema) => {
      expect(schema).toMatchObject({
        $schema: "https://json-schema.org/draft/2020-12/schema",
        title: expect.any(String)
      })
      const definitions = Object.keys(isObject(schema) ? ((schema["$defs"] ?? {}) as object) : {})
      for (const part of parts(schema)) {
        expect(part["additionalProperties"]).not.toBe(false)
        expect([undefined, ...definitions.map((name) => `#/$defs/${name}`)]).toContain(part["$ref"])
      }
    }
  )

  it("have a file each", () => {
    const names = all.map(([name]) => name)
    expect(new Set(names).size).toBe(names.length)
    expect(names.filter((name) => !/^[a-z-]+$/.test(name))).toEqual([])
    expect(names).toEqual(
      expect.arrayContaining(["worker-ready", "host-invoke", "socket-ping-answer", "http-problem"])
    )
  })

  it("are the same each time", () => {
    expect(jsonSchemas()).toEqual(jsonSchemas())
  })

  it("say of headers what HTTP can send", () => {
    const text = schemaOf("worker-response")
    const name = new RegExp(
      JSON.parse(/"propertyNames":\{"pattern":("(?:[^"\\]|\\.)*")/.exec(text)?.[1] as string),
      "u"
    )
    fc.assert(
      fc.property(fc.string(), (header) => {
        let valid = true
        try {
          new Headers({ [header]: "x" })
        } catch {
          valid = false
        }
        expect(name.test(header)).toBe(valid)
      })
    )
  })
})
