export { URLPattern } from "../urlpattern/URLPattern.ts"
