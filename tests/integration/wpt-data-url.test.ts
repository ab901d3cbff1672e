import { dataSuite } from "../wpt/dataSuite.ts"

dataSuite("urltestdata.json")
dataSuite("urltestdata-javascript-only.json")
dataSuite("setters_tests.json")
