import { OpenApi } from "@effect/platform"
import { describe, expect, it } from "vitest"
import { allowedMethods } from "./Management.ts"
import { ManagementApi } from "./ManagementApi.ts"

type Json = Record<string, unknown>
const isJson = (value: unknown): value is Json => typeof value === "object" && value !== null

/** What clients get: through JSON, so that what cannot be sent shows. */
const document: Json = JSON.parse(JSON.stringify(OpenApi.fromApi(ManagementApi)))
const at = (...path: ReadonlyArray<string>): unknown =>
  path.reduce<unknown>((value, step) => (isJson(value) ? value[step] : undefined), document)

const operations = Object.entries(at("paths") as Record<string, Record<string, Json>>).flatMap(
  ([path, methods]) =>
    Object.entries(methods).map(([method, operation]) => ({
      name: `${method.toUpperCase()} ${path}`,
      operation
    }))
)

const walk = (value: unknown, visit: (value: Json) => void): void => {
  if (!isJson(value)) return
  visit(value)
  for (const one of Object.values(value)) walk(one, visit)
}

describe("the OpenAPI document", () => {
  it("is of version 3.1 and has every management operation", () => {
    expect(at("openapi")).toMatch(/^3\.1\.\d+$/)
    expect(operations.map(({ name }) => name).toSorted()).toStrictEqual([
      "DELETE /api/functions/{id}",
      "DELETE /api/functions/{id}/versions/{version}",
      "GET /api/functions",
      "GET /api/functions/{id}",
      "GET /api/functions/{id}/versions",
      "GET /api/system",
      "POST /api/functions",
      "POST /api/functions/{id}/deploy",
      "POST /api/functions/{id}/reset",
      "POST /api/functions/{id}/rollback"
    ])
  })

  it.each(operations)("$name says what it does, what it needs and how it fails", ({ name, operation }) => {
    expect(operation["summary"]).toMatch(/^[A-Z].{5,}[^.]$/)
    expect(operation["description"]).toMatch(/^[A-Z].{10,}\.$/s)
    expect(operation["operationId"]).toMatch(/^(functions|system)\.\w+$/)
    const responses = operation["responses"] as Record<string, Json>
    expect(Object.keys(responses).filter((status) => status < "400")).toStrictEqual(
      name === "POST /api/functions" ? ["200", "201"] : ["200"]
    )
    for (const [status, response] of Object.entries(responses)) {
      expect(response["description"]).toMatch(/\.$/)
      if (status < "400") continue
      expect(response["description"]).toMatch(/^FN_00\d: /)
      expect(response["content"]).toStrictEqual({
        "application/problem+json": { schema: { $ref: "#/components/schemas/Problem" } }
      })
    }
    expect(Object.keys(responses)).toEqual(expect.arrayContaining(["400", "401", "403", "500", "503"]))
    const parameters = operation["parameters"] as ReadonlyArray<Json>
    expect(parameters.map((parameter) => parameter["name"])).toStrictEqual(
      ["id", "version"].filter((one) => name.includes(`{${one}}`))
    )
    expect(operation["requestBody"] === undefined).toBe(/^(GET|DELETE)|\/reset$/.test(name))
  })

  it("refers to nothing that it does not have, and has nothing that is not referred to", () => {
    const referred = new Set<string>()
    walk(document, (value) => {
      const ref = value["$ref"]
      if (typeof ref === "string") referred.add(ref.replace("#/components/schemas/", ""))
    })
    expect([...referred].toSorted()).toStrictEqual(
      Object.keys(at("components", "schemas") as Json).toSorted()
    )
  })

  it("asks for the API key only where there is one", () => {
    expect(at("security")).toStrictEqual([{}, { apiKey: [] }])
    expect(at("components", "securitySchemes", "apiKey")).toMatchObject({ type: "http", scheme: "bearer" })
    for (const { operation } of operations) expect(operation).not.toHaveProperty("security")
  })

  it("says that a deployment takes JSON and forms", () => {
    const content = at("paths", "/api/functions/{id}/deploy", "post", "requestBody", "content")
    expect(Object.keys(content as Json)).toStrictEqual(["application/json", "multipart/form-data"])
    expect(
      at(
        "paths",
        "/api/functions/{id}/deploy",
        "post",
        "requestBody",
        "content",
        "multipart/form-data",
        "schema"
      )
    ).toMatchObject({
      required: ["version", "bundle"],
      properties: { bundle: { type: "string", format: "binary" } }
    })
  })

  it("lets answers grow and requests not", () => {
    walk(at("components", "schemas", "Function"), (schema) => {
      expect(schema["additionalProperties"]).not.toBe(false)
    })
    expect(at("components", "schemas", "RegisterFunction", "additionalProperties")).toBe(false)
  })
})

describe("allowedMethods", () => {
  it.each([
    ["/api/functions", ["GET", "HEAD", "POST"]],
    ["/api/functions/hello", ["GET", "HEAD", "DELETE"]],
    ["/api/functions/hello/deploy", ["POST"]],
    ["/api/functions/hello/rollback", ["POST"]],
    ["/api/functions/hello/reset", ["POST"]],
    ["/api/functions/hello/versions/v1", ["DELETE"]],
    ["/api/functions/hello/versions/", []],
    ["/api/functions/hello/versions", ["GET", "HEAD"]],
    ["/api/openapi.json", ["GET", "HEAD"]],
    ["/api/openapiXjson", []],
    ["/api", []],
    ["/api/", []],
    ["/api/functions/", []],
    ["/api/functions/a/b", []],
    ["/api/functions//deploy", []]
  ])("%s", (path, methods) => {
    expect(allowedMethods(path)).toStrictEqual(methods)
  })
})
