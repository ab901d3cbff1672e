import { Effect } from "effect"
import { describe, expect, it } from "vitest"
import type { DeployRequest } from "../../src/protocol/Management.ts"
import { deploymentView, type GatewayOptions } from "../support/GatewayUnderTest.ts"
import { exchange } from "../support/RawHttp.ts"
import { expectProblem, gatewaySession, json } from "../support/GatewaySession.ts"

const start = gatewaySession()

const deploying = async (init: RequestInit, options: GatewayOptions = {}) => {
  const deployed: Array<readonly [string, DeployRequest]> = []
  const { fetch } = await start(
    { deploy: (id, request) => Effect.sync(() => (deployed.push([id, request]), deploymentView())) },
    options
  )
  return { response: await fetch("/api/functions/hello/deploy", init), deployed }
}

const form = (entries: ReadonlyArray<readonly [string, string | File]>): FormData => {
  const data = new FormData()
  for (const [name, value] of entries) data.append(name, value)
  return data
}

describe("POST /api/functions/:id/deploy", () => {
  it("takes a path on this machine", async () => {
    const { deployed, response } = await deploying(json({ version: "v1", bundle_path: "/srv/bundle.js" }))
    expect(response.status).toBe(200)
    expect(await response.json()).toStrictEqual(deploymentView())
    expect(deployed).toStrictEqual([["hello", { version: "v1", bundle_path: "/srv/bundle.js" }]])
  })

  it("takes a bundle, and its source map", async () => {
    const bundle = "export default () => new Response('ü\\u2028 ✓')"
    const { deployed } = await deploying(json({ version: "1.0.0", bundle, source_map: "{}" }))
    expect(deployed).toStrictEqual([["hello", { version: "1.0.0", bundle, source_map: "{}" }]])
  })

  it("takes a form, as curl sends it", async () => {
    const bundle = "\uFEFFexport default () => new Response('ü ✓')\r\n"
    const body = form([
      ["version", "v1"],
      ["bundle", new File([bundle], "bundle.js", { type: "text/javascript" })],
      ["source_map", new File(["{}"], "bundle.js.map")]
    ])
    const { deployed, response } = await deploying({ method: "POST", body })
    expect(response.status).toBe(200)
    expect(deployed).toStrictEqual([["hello", { version: "v1", bundle, source_map: "{}" }]])
  })

  it.each([
    [{ version: "v1" }, ["bundle"]],
    [{ version: "../v1", bundle: "x" }, ["version"]],
    [{ bundle: 5 }, ["bundle", "version"]],
    [{ version: "v1", bundle: "x", bundle_path: "/x" }, ["bundle_path"]],
    [{ version: "v1", bundle_path: "/x", source_map: "{}" }, ["source_map"]],
    [{ version: "v1", bundle: "x", extra: 1 }, ["extra"]]
  ])("%j: wrong are %j", async (body, fields) => {
    const { deployed, response } = await deploying(json(body))
    const problem = await expectProblem(response, 400, "FN_006")
    expect(
      (problem["violations"] as ReadonlyArray<{ field: string }>).map(({ field }) => field).toSorted()
    ).toStrictEqual(fields)
    expect(deployed).toHaveLength(0)
  })

  it.each<[string, ReadonlyArray<readonly [string, string | File]>, string]>([
    ["without a version", [["bundle", new File(["x"], "b.js")]], "version"],
    [
      "with an unknown field",
      [
        ["version", "v1"],
        ["bundle", "x"],
        ["colour", "red"]
      ],
      "colour"
    ],
    [
      "with a field twice",
      [
        ["version", "v1"],
        ["version", "v2"],
        ["bundle", "x"]
      ],
      "version"
    ],
    [
      "with a bundle that is not text",
      [
        ["version", "v1"],
        ["bundle", new File([new Uint8Array([0xff])], "b.js")]
      ],
      "bundle"
    ]
  ])("a form %s is refused", async (_, entries, field) => {
    const { deployed, response } = await deploying({ method: "POST", body: form(entries) })
    const problem = await expectProblem(response, 400, "FN_006")
    expect(problem["violations"]).toMatchObject([{ field }])
    expect(deployed).toHaveLength(0)
  })

  it.each(["multipart/form-data", "multipart/form-data; boundary=x", "multipart/form-data; boundary="])(
    "a body that is no form is refused (%s)",
    async (type) => {
      const { response } = await deploying({
        method: "POST",
        headers: { "content-type": type },
        body: "nonsense"
      })
      await expectProblem(response, 400, "FN_006")
    }
  )

  it("bounds the body by the bundle's limit", async () => {
    const config = { maxBundleBytes: 1000 }
    const bundle = "x".repeat(2 * 1000 + 1024 * 1024)
    const sent = await deploying(json({ version: "v1", bundle }), { config })
    expect(await expectProblem(sent.response, 413, "FN_006")).toMatchObject({
      detail: expect.stringMatching(
        /larger than \d+ bytes; the server's option max_bundle_bytes sets this limit/
      )
    })
    const asForm = await deploying(
      {
        method: "POST",
        body: form([
          ["version", "v1"],
          ["bundle", bundle]
        ])
      },
      { config }
    )
    await expectProblem(asForm.response, 413, "FN_006")
    expect(sent.deployed.length + asForm.deployed.length).toBe(0)
  })
})

describe("access", () => {
  it("with an API key: 401 without it, and the way in", async () => {
    const { fetch } = await start({}, { apiKey: "0123456789abcdef" })
    for (const path of ["/api/functions", "/api/openapi.json", "/api/nothing"]) {
      const response = await fetch(path)
      expect(response.headers.get("www-authenticate")).toBe('Bearer realm="bunbase"')
      await expectProblem(response, 401, "FN_009")
      expect((await fetch(path, { headers: { authorization: "Bearer 0123456789abcdee" } })).status).toBe(401)
    }
    const headers = { authorization: "Bearer 0123456789abcdef" }
    expect((await fetch("/api/functions", { headers })).status).toBe(200)
    // Calls, liveness and readiness are open.
    expect((await fetch("/health")).status).toBe(200)
    expect((await fetch("/functions/unknown")).status).toBe(404)
  })

  it("a web page of another host cannot change anything, by JSON or by form", async () => {
    for (const init of [
      json({ version: "v1", bundle: "x" }),
      {
        method: "POST",
        body: form([
          ["version", "v1"],
          ["bundle", "x"]
        ])
      }
    ]) {
      const { deployed, response } = await deploying({
        ...init,
        headers: { ...("headers" in init ? init.headers : {}), origin: "http://evil.example" }
      })
      await expectProblem(response, 403, "FN_009")
      expect(deployed).toHaveLength(0)
    }
  })

  it("a name that was made to point here gets nothing (DNS rebinding)", async () => {
    const { port } = await start()
    const response = await exchange(port, "GET /api/functions HTTP/1.1\r\nHost: evil.example\r\n\r\n")
    expect(response.status).toBe(403)
    expect(response.header("x-function-error")).toBe("FN_009")
  })
})
