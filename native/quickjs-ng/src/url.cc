/*
 * URL and application/x-www-form-urlencoded, by ada. A URL has no state here: its serialization is its state, and the
 * library keeps that string. So there is no memory outside of the engine's account, and nothing to finalize.
 */
#include "url.h"

#include <string>
#include <string_view>

#include "ada.h"
#include "url_text.h"

using bb::Text;
using bb::to_js;

namespace {

/* Where the parts of the URL parsed last are: read by the library at once after each call, see js/url/native.ts. */
uint32_t parts[8];

void tell_parts(const ada::url_aggregator &url) {
  const ada::url_components &c = url.get_components();
  parts[0] = c.protocol_end;
  parts[1] = c.username_end;
  parts[2] = c.host_start;
  parts[3] = c.host_end;
  parts[4] = c.port;
  parts[5] = c.pathname_start;
  parts[6] = c.search_start;
  parts[7] = c.hash_start;
}

using Parsed = ada::result<ada::url_aggregator>;

/* Parses input against a base that may be undefined; false with an exception pending. */
bool parse_with_base(JSContext *ctx, JSValueConst input, JSValueConst base, Parsed &out) {
  Text text(ctx, input);
  if (text.failed()) return false;
  if (JS_IsUndefined(base)) {
    out = ada::parse<ada::url_aggregator>(text.view());
    return true;
  }
  Text base_text(ctx, base);
  if (base_text.failed()) return false;
  out = ada::parse<ada::url_aggregator>(base_text.view());
  if (out) out = ada::parse<ada::url_aggregator>(text.view(), &*out);
  return true;
}

/* parse(input, base | undefined): the serialization, or null where it is no URL. */
JSValue js_parse(JSContext *ctx, JSValueConst, int, JSValueConst *argv) {
  Parsed url = tl::unexpected(ada::errors::type_error);
  if (!parse_with_base(ctx, argv[0], argv[1], url)) return JS_EXCEPTION;
  if (!url) return JS_NULL;
  tell_parts(*url);
  return to_js(ctx, url->get_href());
}

JSValue js_can_parse(JSContext *ctx, JSValueConst, int, JSValueConst *argv) {
  Parsed url = tl::unexpected(ada::errors::type_error);
  if (!parse_with_base(ctx, argv[0], argv[1], url)) return JS_EXCEPTION;
  return JS_NewBool(ctx, url.has_value());
}

enum setter { protocol, username, password, host, hostname, port, pathname, search, hash };

/* set(href, which, value): the serialization after that setter. */
JSValue js_set(JSContext *ctx, JSValueConst, int, JSValueConst *argv) {
  int32_t which;
  if (JS_ToInt32(ctx, &which, argv[1])) return JS_EXCEPTION;
  Text href(ctx, argv[0]);
  if (href.failed()) return JS_EXCEPTION;
  Text value(ctx, argv[2]);
  if (value.failed()) return JS_EXCEPTION;
  auto url = ada::parse<ada::url_aggregator>(href.view());
  if (!url) return JS_ThrowTypeError(ctx, "Invalid URL");
  switch (which) {
    case protocol: url->set_protocol(value.view()); break;
    case username: url->set_username(value.view()); break;
    case password: url->set_password(value.view()); break;
    case host: url->set_host(value.view()); break;
    case hostname: url->set_hostname(value.view()); break;
    case port: url->set_port(value.view()); break;
    case pathname: url->set_pathname(value.view()); break;
    case search: url->set_search(value.view()); break;
    case hash: url->set_hash(value.view()); break;
    default: return JS_ThrowRangeError(ctx, "no such setter: %d", which);
  }
  tell_parts(*url);
  return to_js(ctx, url->get_href());
}

JSValue js_origin(JSContext *ctx, JSValueConst, int, JSValueConst *argv) {
  Text href(ctx, argv[0]);
  if (href.failed()) return JS_EXCEPTION;
  auto url = ada::parse<ada::url_aggregator>(href.view());
  if (!url) return JS_ThrowTypeError(ctx, "Invalid URL");
  return to_js(ctx, url->get_origin());
}

int hex_digit(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return -1;
}

/* How many bytes at `at` are a whole UTF-8 sequence; 0 and the length of the part to replace where they are none. */
size_t sequence_at(std::string_view bytes, size_t at, size_t &wrong) {
  auto byte = [&](size_t i) -> unsigned { return i < bytes.size() ? static_cast<unsigned char>(bytes[i]) : 0u; };
  const unsigned first = byte(at);
  wrong = 1;
  if (first < 0x80) return 1;
  const size_t length = first >= 0xF0 ? 4 : first >= 0xE0 ? 3 : 2;
  if (first < 0xC2 || first > 0xF4) return 0;
  unsigned low = 0x80, high = 0xBF;
  if (first == 0xE0) low = 0xA0;
  if (first == 0xED) high = 0x9F;
  if (first == 0xF0) low = 0x90;
  if (first == 0xF4) high = 0x8F;
  for (size_t i = 1; i < length; i++) {
    const unsigned next = byte(at + i);
    if (next < low || next > high) return 0;
    wrong = i + 1;
    low = 0x80;
    high = 0xBF;
  }
  return length;
}

/* "UTF-8 decode without BOM" of the Encoding standard, as well-formed UTF-8. */
void make_well_formed(std::string &bytes) {
  size_t at = 0, wrong = 0;
  while (at < bytes.size()) {
    const size_t length = sequence_at(bytes, at, wrong);
    if (length == 0) break;
    at += length;
  }
  if (at == bytes.size()) return;
  std::string fixed(bytes, 0, at);
  while (at < bytes.size()) {
    const size_t length = sequence_at(bytes, at, wrong);
    if (length == 0) {
      fixed.append("\xEF\xBF\xBD");
      at += wrong;
    } else {
      fixed.append(bytes, at, length);
      at += length;
    }
  }
  bytes = std::move(fixed);
}

JSValue decode_form_text(JSContext *ctx, std::string_view text) {
  std::string bytes;
  bytes.reserve(text.size());
  for (size_t i = 0; i < text.size(); i++) {
    const char c = text[i];
    if (c == '+') {
      bytes.push_back(' ');
    } else if (c == '%' && i + 2 < text.size() && hex_digit(text[i + 1]) >= 0 && hex_digit(text[i + 2]) >= 0) {
      bytes.push_back(static_cast<char>(hex_digit(text[i + 1]) * 16 + hex_digit(text[i + 2])));
      i += 2;
    } else {
      bytes.push_back(c);
    }
  }
  make_well_formed(bytes);
  return to_js(ctx, bytes);
}

/* parseForm(text): [name, value, name, value…] */
JSValue js_parse_form(JSContext *ctx, JSValueConst, int, JSValueConst *argv) {
  Text text(ctx, argv[0]);
  if (text.failed()) return JS_EXCEPTION;
  JSValue list = JS_NewArray(ctx);
  if (JS_IsException(list)) return list;
  std::string_view rest = text.view();
  uint32_t count = 0;
  while (!rest.empty()) {
    const size_t end = rest.find('&');
    const std::string_view pair = rest.substr(0, end);
    rest = end == std::string_view::npos ? std::string_view() : rest.substr(end + 1);
    if (pair.empty()) continue;
    const size_t equals = pair.find('=');
    const std::string_view value = equals == std::string_view::npos ? std::string_view() : pair.substr(equals + 1);
    const std::string_view both[2] = {pair.substr(0, equals), value};
    for (const std::string_view one : both) {
      JSValue decoded = decode_form_text(ctx, one);
      if (JS_IsException(decoded) || JS_DefinePropertyValueUint32(ctx, list, count++, decoded, JS_PROP_C_W_E) < 0) {
        JS_FreeValue(ctx, list);
        return JS_EXCEPTION;
      }
    }
  }
  return list;
}

void encode_form_text(std::string &out, std::string_view text) {
  static const char digits[] = "0123456789ABCDEF";
  for (const char c : text) {
    const bool plain = (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '*' || c == '-' ||
                       c == '.' || c == '_';
    const auto byte = static_cast<unsigned char>(c);
    if (plain) {
      out.push_back(c);
    } else if (c == ' ') {
      out.push_back('+');
    } else {
      out.push_back('%');
      out.push_back(digits[byte >> 4]);
      out.push_back(digits[byte & 15]);
    }
  }
}

/* serializeForm(list, length): the text of [name, value, name, value…] */
JSValue js_serialize_form(JSContext *ctx, JSValueConst, int, JSValueConst *argv) {
  uint32_t length;
  if (JS_ToUint32(ctx, &length, argv[1])) return JS_EXCEPTION;
  std::string out;
  for (uint32_t i = 0; i < length; i++) {
    JSValue item = JS_GetPropertyUint32(ctx, argv[0], i);
    if (JS_IsException(item)) return item;
    Text text(ctx, item);
    JS_FreeValue(ctx, item);
    if (text.failed()) return JS_EXCEPTION;
    const size_t needed = out.size() + 1 + text.view().size() * 3;
    if (needed > out.capacity()) {
      if (!bb::has_room(ctx, needed * 2)) return JS_EXCEPTION;
      out.reserve(needed * 2);
    }
    if (i > 0) out.push_back(i % 2 == 0 ? '&' : '=');
    encode_form_text(out, text.view());
    if (out.size() > bb::longest_text * 3) return JS_ThrowRangeError(ctx, "the form's text is too long");
  }
  return to_js(ctx, out);
}

const JSCFunctionListEntry functions[] = {
    JS_CFUNC_DEF("parse", 2, js_parse),
    JS_CFUNC_DEF("canParse", 2, js_can_parse),
    JS_CFUNC_DEF("set", 3, js_set),
    JS_CFUNC_DEF("origin", 1, js_origin),
    JS_CFUNC_DEF("parseForm", 1, js_parse_form),
    JS_CFUNC_DEF("serializeForm", 2, js_serialize_form),
};

/* `parts` as a Uint32Array over that memory. */
JSValue parts_array(JSContext *ctx) {
  JSValue buffer = JS_NewArrayBuffer(ctx, reinterpret_cast<uint8_t *>(parts), sizeof parts, 0, nullptr, nullptr, false);
  if (JS_IsException(buffer)) return buffer;
  JSValueConst arguments[1] = {buffer};
  JSValue array = JS_NewTypedArray(ctx, 1, arguments, JS_TYPED_ARRAY_UINT32);
  JS_FreeValue(ctx, buffer);
  return array;
}

}  // namespace

/* Puts the functions into `native.url()`'s object. A failure leaves an exception that the next call of the engine meets. */
extern "C" void bb_url_init(JSContext *ctx, JSValueConst target) {
  JSValue array = parts_array(ctx);
  if (JS_IsException(array)) return;
  if (JS_DefinePropertyValueStr(ctx, target, "parts", array, JS_PROP_C_W_E) < 0) return;
  if (JS_SetPropertyFunctionList(ctx, target, functions, sizeof functions / sizeof functions[0]) < 0) return;
  bb_urlpattern_init(ctx, target);
}
