/* URL parsing, form-urlencoded text and URLPattern for the library, by ada. C surface of url.cc and urlpattern.cc. */
#ifndef BB_URL_H
#define BB_URL_H

#include "quickjs.h"

#ifdef __cplusplus
extern "C" {
#endif

/* Adds `url()` to `Native`: it makes the object that js/url/native.ts declares. */
void bb_url_init(JSContext *ctx, JSValueConst target);

/* Adds the functions that URLPattern needs to that object; -1 with an exception pending. */
int bb_urlpattern_init(JSContext *ctx, JSValueConst target);

#ifdef __cplusplus
}
#endif
#endif
