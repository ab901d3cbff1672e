/* URLPattern, by ada, with the engine's own regular expressions. */
#include <memory>
#include <new>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "ada.h"
#include "libregexp.h"
#include "url.h"
#include "url_text.h"

using bb::Text;
using bb::to_js;

namespace {

/* A process has one engine; set by every call from it. */
JSContext *engine;
JSRuntime *engine_runtime;

/* Why a regular expression did not run to its end: looked at after each call of ada, which knows no such end. */
enum class failure { none, interrupted, memory };
failure failed = failure::none;

struct FreeBytes {
  void operator()(uint8_t *bytes) const { js_free_rt(engine_runtime, bytes); }
};
using Bytes = std::unique_ptr<uint8_t, FreeBytes>;

/* UTF-8 as UTF-16; ada's texts are well-formed. */
std::vector<uint16_t> to_utf16(std::string_view text) {
  std::vector<uint16_t> units;
  units.reserve(text.size());
  for (size_t i = 0; i < text.size();) {
    const auto first = static_cast<unsigned char>(text[i]);
    const size_t length = first < 0x80 ? 1 : first < 0xE0 ? 2 : first < 0xF0 ? 3 : 4;
    uint32_t point = length == 1 ? first : first & (0x7Fu >> length);
    for (size_t k = 1; k < length && i + k < text.size(); k++) {
      point = point << 6 | (static_cast<unsigned char>(text[i + k]) & 0x3Fu);
    }
    i += length;
    if (point > 0xFFFF) {
      units.push_back(static_cast<uint16_t>(0xD7C0 + (point >> 10)));
      point = 0xDC00 + (point & 0x3FF);
    }
    units.push_back(static_cast<uint16_t>(point));
  }
  return units;
}

/* Units as UTF-8; half a surrogate pair is U+FFFD. */
std::string to_utf8(const uint16_t *units, size_t count) {
  std::string text;
  for (size_t i = 0; i < count; i++) {
    uint32_t point = units[i];
    if (point >= 0xD800 && point < 0xDC00 && i + 1 < count && units[i + 1] >= 0xDC00 && units[i + 1] < 0xE000) {
      point = 0x10000 + ((point - 0xD800) << 10) + (units[++i] - 0xDC00u);
    } else if (point >= 0xD800 && point < 0xE000) {
      point = 0xFFFD;
    }
    if (point < 0x80) {
      text.push_back(static_cast<char>(point));
      continue;
    }
    const int more = point < 0x800 ? 1 : point < 0x10000 ? 2 : 3;
    const unsigned lead = more == 1 ? 0xC0 : more == 2 ? 0xE0 : 0xF0;
    text.push_back(static_cast<char>(lead | point >> (6 * more)));
    for (int k = more - 1; k >= 0; k--) text.push_back(static_cast<char>(0x80 | (point >> (6 * k) & 0x3F)));
  }
  return text;
}

bool is_ascii(std::string_view text) {
  unsigned char all = 0;
  for (const char c : text) all |= static_cast<unsigned char>(c);
  return all < 0x80;
}

/* What ada asks of an engine of regular expressions. A match is a search, for ada's expressions are anchored. */
class Regex {
 public:
  using regex_type = Bytes;

  static std::optional<regex_type> create_instance(std::string_view pattern, bool ignore_case) {
    char message[64] = "";
    int length = 0;
    const std::string text(pattern); /* ends with a NUL, as the compiler wants it */
    const int flags = LRE_FLAG_UNICODE_SETS | (ignore_case ? LRE_FLAG_IGNORECASE : 0);
    uint8_t *code = lre_compile(&length, message, sizeof message, text.c_str(), text.size(), flags, engine);
    if (code == nullptr) {
      if (strcmp(message, "out of memory") == 0) failed = failure::memory;
      return std::nullopt;
    }
    return Bytes(code);
  }

  static std::optional<std::vector<std::optional<std::string>>> regex_search(std::string_view input,
                                                                             const regex_type &regex) {
    std::vector<std::optional<std::string>> groups;
    if (is_ascii(input)) {
      /* where an empty text is, a group of nothing is too: it must be somewhere */
      const auto *bytes = reinterpret_cast<const uint8_t *>(input.empty() ? "" : input.data());
      const bool found = run(regex, bytes, input.size(), 0, [&](size_t from, size_t to) {
        groups.emplace_back(input.substr(from, to - from));
      }, [&] { groups.emplace_back(std::nullopt); });
      if (!found) return std::nullopt;
      return groups;
    }
    const std::vector<uint16_t> units = to_utf16(input);
    const auto *bytes = reinterpret_cast<const uint8_t *>(units.data());
    const bool found = run(regex, bytes, units.size(), 1, [&](size_t from, size_t to) {
      groups.emplace_back(to_utf8(units.data() + from, to - from));
    }, [&] { groups.emplace_back(std::nullopt); });
    if (!found) return std::nullopt;
    return groups;
  }

  static bool regex_match(std::string_view input, const regex_type &regex) { return regex_search(input, regex).has_value(); }

 private:
  /* Runs the expression; tells of each group by where it is, or that it is not. */
  template <typename Found, typename Missing>
  static bool run(const regex_type &regex, const uint8_t *text, size_t length, int wide, Found found, Missing missing) {
    if (!regex || failed != failure::none) return false;
    std::vector<uint8_t *> capture(static_cast<size_t>(lre_get_alloc_count(regex.get())));
    const int result = lre_exec(capture.data(), regex.get(), text, 0, static_cast<int>(length), wide, engine);
    if (result == LRE_RET_TIMEOUT) failed = failure::interrupted;
    if (result < 0 && result != LRE_RET_TIMEOUT) failed = failure::memory;
    if (result != 1) return false;
    const size_t count = static_cast<size_t>(lre_get_capture_count(regex.get()));
    for (size_t i = 1; i < count; i++) {
      const uint8_t *from = capture[2 * i], *to = capture[2 * i + 1];
      if (from == nullptr || to == nullptr) {
        missing();
      } else {
        found(static_cast<size_t>(from - text) >> wide, static_cast<size_t>(to - text) >> wide);
      }
    }
    return true;
  }
};

using Pattern = ada::url_pattern<Regex>;

JSClassID pattern_class;

/* What compiling a pattern of eight components takes beside its texts; most of it is given back. */
constexpr size_t pattern_memory = size_t{1} << 16;

void finalize(JSRuntime *runtime, JSValueConst object) {
  engine_runtime = runtime;
  delete static_cast<Pattern *>(JS_GetOpaque(object, pattern_class));
}

const JSClassDef class_definition = {"CompiledURLPattern", finalize, nullptr, nullptr, nullptr};

/* Throws what ended a regular expression before its time. */
bool threw(JSContext *ctx) {
  const failure what = failed;
  failed = failure::none;
  if (what == failure::memory) JS_ThrowOutOfMemory(ctx);
  if (what == failure::interrupted) {
    JS_ThrowInternalError(ctx, "interrupted");
    JSValue error = JS_GetException(ctx);
    JS_SetUncatchableError(ctx, error);
    JS_Throw(ctx, error);
  }
  return what != failure::none;
}

void enter(JSContext *ctx) {
  engine = ctx;
  engine_runtime = JS_GetRuntime(ctx);
  failed = failure::none;
}

/* The input of ada's calls: a text, or a list of texts that may be undefined. Holds the memory that they point to. */
class Input {
 public:
  Input(JSContext *ctx, JSValueConst input, JSValueConst base) {
    if (!JS_IsUndefined(base)) {
      base_text_.emplace(ctx, base);
      if (base_text_->failed()) return;
      base_ = base_text_->view();
    }
    if (JS_IsString(input)) {
      text_.emplace(ctx, input);
      if (text_->failed()) return;
      value_ = text_->view();
      ok_ = true;
      return;
    }
    ada::url_pattern_init init;
    std::optional<std::string> *const members[] = {&init.protocol, &init.username, &init.password,
                                                   &init.hostname, &init.port,     &init.pathname,
                                                   &init.search,   &init.hash,     &init.base_url};
    uint32_t index = 0;
    for (std::optional<std::string> *member : members) {
      JSValue item = JS_GetPropertyUint32(ctx, input, index++);
      if (JS_IsException(item)) return;
      if (JS_IsUndefined(item)) continue;
      const Text text(ctx, item);
      JS_FreeValue(ctx, item);
      if (text.failed()) return;
      member->emplace(text.view());
    }
    value_ = std::move(init);
    ok_ = true;
  }

  bool ok() const { return ok_; }
  ada::url_pattern_input &value() { return value_; }
  const std::string_view *base() const { return base_ ? &*base_ : nullptr; }

 private:
  std::optional<Text> text_, base_text_;
  std::optional<std::string_view> base_;
  ada::url_pattern_input value_;
  bool ok_ = false;
};

JSValue js_new(JSContext *ctx, JSValueConst, int, JSValueConst *argv) {
  enter(ctx);
  Input input(ctx, argv[0], argv[1]);
  if (!input.ok() || !bb::has_room(ctx, pattern_memory)) return JS_EXCEPTION;
  ada::url_pattern_options options;
  options.ignore_case = JS_ToBool(ctx, argv[2]) == 1;
  auto pattern = ada::parse_url_pattern<Regex>(std::move(input.value()), input.base(), &options);
  if (threw(ctx)) return JS_EXCEPTION;
  if (!pattern) return JS_ThrowTypeError(ctx, "Invalid URLPattern");
  JSValue object = JS_NewObjectProtoClass(ctx, JS_NULL, pattern_class);
  if (!JS_IsException(object)) JS_SetOpaque(object, new Pattern(std::move(*pattern)));
  return object;
}

Pattern *pattern_of(JSContext *ctx, JSValueConst value) {
  enter(ctx);
  return static_cast<Pattern *>(JS_GetOpaque2(ctx, value, pattern_class));
}

JSValue js_test(JSContext *ctx, JSValueConst, int, JSValueConst *argv) {
  Pattern *pattern = pattern_of(ctx, argv[0]);
  if (pattern == nullptr) return JS_EXCEPTION;
  Input input(ctx, argv[1], argv[2]);
  if (!input.ok()) return JS_EXCEPTION;
  const auto result = pattern->test(input.value(), input.base());
  if (threw(ctx)) return JS_EXCEPTION;
  if (!result) return JS_ThrowTypeError(ctx, "URLPattern: a base URL cannot be given beside an object");
  return JS_NewBool(ctx, *result);
}

/* Appends to a list; takes the value. */
bool append(JSContext *ctx, JSValueConst list, uint32_t &count, JSValue value) {
  return !JS_IsException(value) && JS_DefinePropertyValueUint32(ctx, list, count++, value, JS_PROP_C_W_E) >= 0;
}

/* [input, name, value | undefined, name, value…]: the names in the pattern's order, which ada's map does not keep. */
JSValue to_list(JSContext *ctx, const std::vector<std::string> &names, const ada::url_pattern_component_result &result) {
  JSValue list = JS_NewArray(ctx);
  if (JS_IsException(list)) return list;
  uint32_t count = 0;
  bool good = append(ctx, list, count, to_js(ctx, result.input));
  for (const std::string &name : names) {
    const auto group = result.groups.find(name);
    if (group == result.groups.end()) continue;
    good = good && append(ctx, list, count, to_js(ctx, name)) &&
           append(ctx, list, count, group->second ? to_js(ctx, *group->second) : JS_UNDEFINED);
  }
  if (good) return list;
  JS_FreeValue(ctx, list);
  return JS_EXCEPTION;
}

JSValue js_exec(JSContext *ctx, JSValueConst, int, JSValueConst *argv) {
  Pattern *pattern = pattern_of(ctx, argv[0]);
  if (pattern == nullptr) return JS_EXCEPTION;
  Input input(ctx, argv[1], argv[2]);
  if (!input.ok()) return JS_EXCEPTION;
  const auto result = pattern->exec(input.value(), input.base());
  if (threw(ctx)) return JS_EXCEPTION;
  if (!result) return JS_ThrowTypeError(ctx, "URLPattern: a base URL cannot be given beside an object");
  if (!*result) return JS_NULL;
  JSValue list = JS_NewArray(ctx);
  if (JS_IsException(list)) return list;
  const ada::url_pattern_result &r = **result;
  uint32_t count = 0;
  const bool good =
      append(ctx, list, count, to_list(ctx, pattern->protocol_component.group_name_list, r.protocol)) &&
      append(ctx, list, count, to_list(ctx, pattern->username_component.group_name_list, r.username)) &&
      append(ctx, list, count, to_list(ctx, pattern->password_component.group_name_list, r.password)) &&
      append(ctx, list, count, to_list(ctx, pattern->hostname_component.group_name_list, r.hostname)) &&
      append(ctx, list, count, to_list(ctx, pattern->port_component.group_name_list, r.port)) &&
      append(ctx, list, count, to_list(ctx, pattern->pathname_component.group_name_list, r.pathname)) &&
      append(ctx, list, count, to_list(ctx, pattern->search_component.group_name_list, r.search)) &&
      append(ctx, list, count, to_list(ctx, pattern->hash_component.group_name_list, r.hash));
  if (good) return list;
  JS_FreeValue(ctx, list);
  return JS_EXCEPTION;
}

JSValue js_get(JSContext *ctx, JSValueConst, int, JSValueConst *argv) {
  int32_t which;
  const Pattern *pattern = pattern_of(ctx, argv[0]);
  if (pattern == nullptr || JS_ToInt32(ctx, &which, argv[1])) return JS_EXCEPTION;
  switch (which) {
    case 0: return to_js(ctx, pattern->get_protocol());
    case 1: return to_js(ctx, pattern->get_username());
    case 2: return to_js(ctx, pattern->get_password());
    case 3: return to_js(ctx, pattern->get_hostname());
    case 4: return to_js(ctx, pattern->get_port());
    case 5: return to_js(ctx, pattern->get_pathname());
    case 6: return to_js(ctx, pattern->get_search());
    case 7: return to_js(ctx, pattern->get_hash());
    default: return JS_ThrowRangeError(ctx, "no such component: %d", which);
  }
}

JSValue js_has_groups(JSContext *ctx, JSValueConst, int, JSValueConst *argv) {
  const Pattern *pattern = pattern_of(ctx, argv[0]);
  return pattern == nullptr ? JS_EXCEPTION : JS_NewBool(ctx, pattern->has_regexp_groups());
}

const JSCFunctionListEntry functions[] = {
    JS_CFUNC_DEF("patternNew", 3, js_new),   JS_CFUNC_DEF("patternTest", 3, js_test),
    JS_CFUNC_DEF("patternExec", 3, js_exec), JS_CFUNC_DEF("patternGet", 2, js_get),
    JS_CFUNC_DEF("patternHasGroups", 1, js_has_groups),
};

}  // namespace

extern "C" int bb_urlpattern_init(JSContext *ctx, JSValueConst target) {
  JSRuntime *runtime = JS_GetRuntime(ctx);
  JS_NewClassID(runtime, &pattern_class);
  if (!JS_IsRegisteredClass(runtime, pattern_class) && JS_NewClass(runtime, pattern_class, &class_definition) < 0) return -1;
  return JS_SetPropertyFunctionList(ctx, target, functions, sizeof functions / sizeof functions[0]);
}
